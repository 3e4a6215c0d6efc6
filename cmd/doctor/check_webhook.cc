#include <fmt/core.h>

#include <algorithm>

#include "base/base64.h"
#include "cmd/doctor/checks.h"
#include "cmd/doctor/words.h"
#include "net/certificates.h"

// The admission webhook, where one is installed.
namespace spillway::cmd::doctor {
namespace {

using kube::At;
using kube::Items;
using kube::Json;
using kube::TextAt;

constexpr const char* kWebhook = "webhook";
constexpr Duration kSoon = std::chrono::hours(24 * 7);

void AddBundle(const std::string& name, const Json& client, WallTime now, Findings& findings) {
  constexpr const char* kTodo =
      "renew it: its owner (the webhook itself, cert-manager) writes it; look at that one's log";
  const auto pem = DecodeBase64(TextAt(client, "caBundle"));
  if (!pem || pem->empty()) {
    findings.push_back(
        {Level::kFail, kWebhook, name + " has no caBundle: the API server cannot trust the webhook", kTodo});
    return;
  }
  const auto validity = net::ReadValidity(*pem);
  if (!validity) {
    findings.push_back({Level::kFail, kWebhook,
                        fmt::format("{}: its caBundle is no certificate: {}", name, validity.error().message), kTodo});
  } else if (validity->not_after <= now || validity->not_before > now) {
    findings.push_back(
        {Level::kFail, kWebhook,
         fmt::format("{}: its caBundle is valid from {} to {} only", name, base::FormatRfc3339(validity->not_before),
                     base::FormatRfc3339(validity->not_after)),
         kTodo});
  } else if (validity->not_after - now < kSoon) {
    findings.push_back({Level::kWarn, kWebhook,
                        fmt::format("{}: its caBundle expires at {}", name, base::FormatRfc3339(validity->not_after)),
                        kTodo});
  }
}

std::size_t ReadyEndpoints(const std::vector<Json>& slices) {
  std::size_t ready = 0;
  for (const Json& slice : slices) {
    const Json& endpoints = Items(At(slice, "endpoints"));
    ready += static_cast<std::size_t>(std::count_if(endpoints.begin(), endpoints.end(), [](const Json& endpoint) {
      const Json& condition = At(endpoint, "conditions", "ready");
      return condition.is_null() || kube::IsTrue(condition);
    }));
  }
  return ready;
}

// What a failing webhook does to Pods depends on failurePolicy.
void AddEndpoints(const WebhookFacts& facts, const std::string& name, const Json& webhook, Findings& findings) {
  const Json& service = At(webhook, "clientConfig", "service");
  if (service.is_null()) return;
  const std::string key = TextAt(service, "namespace") + "/" + TextAt(service, "name");
  const auto slices = facts.endpoint_slices.find(key);
  if (slices == facts.endpoint_slices.end()) return;
  if (!slices->second) {
    findings.push_back(Unreadable(kWebhook, "endpoints of Service " + key, slices->second.error()));
  } else if (ReadyEndpoints(*slices->second) == 0) {
    const bool blocks = TextAt(webhook, "failurePolicy") != "Ignore";
    findings.push_back(
        {Level::kFail, kWebhook,
         fmt::format("{}: nothing is ready behind Service {}: {}", name, key,
                     blocks ? "Pods cannot be created (failurePolicy Fail)" : "Pods are created without it"),
         "look at the webhook's Pods"});
  }
}

Findings OfConfiguration(const WebhookFacts& facts, WallTime now) {
  const std::string configuration = TextAt(facts.configuration, "metadata", "name");
  const Json& webhooks = Items(At(facts.configuration, "webhooks"));
  Findings findings;
  if (webhooks.empty()) return {{Level::kFail, kWebhook, configuration + " names no webhook", "install it again"}};
  for (const Json& webhook : webhooks) {
    const std::string name = TextAt(webhook, "name");
    AddBundle(name, At(webhook, "clientConfig"), now, findings);
    AddEndpoints(facts, name, webhook, findings);
  }
  if (findings.empty()) {
    findings.push_back({Level::kOk, kWebhook, fmt::format("{}: trusted, and served", configuration), ""});
  }
  return findings;
}

}  // namespace

Findings CheckWebhook(const Facts& facts) {
  if (!facts.webhooks) return {Unreadable(kWebhook, "webhook configurations", facts.webhooks.error())};
  if (facts.webhooks->empty()) return {{Level::kOk, kWebhook, "none is installed, and none is needed", ""}};
  Findings all;
  for (const WebhookFacts& one : *facts.webhooks) {
    if (!facts.clocks)
      return {{Level::kUnknown, kWebhook, "the time is not known, which certificates are valid by", ""}};
    Findings findings = OfConfiguration(one, facts.clocks->server);
    all.insert(all.end(), findings.begin(), findings.end());
  }
  return all;
}

}  // namespace spillway::cmd::doctor
