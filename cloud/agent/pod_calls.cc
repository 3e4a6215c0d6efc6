// A lifecycle's calls to the cloud and for what a Pod's environment needs.
#include <fmt/core.h>

#include "base/log.h"
#include "cloud/agent/pod_lifecycle.h"

namespace spillway::cloud {
namespace {

std::string InputPath(const std::string& ns, const InputKey& key) {
  return fmt::format("/api/v1/namespaces/{}/{}/{}", kube::UrlEncode(ns),
                     key.kind == InputKey::Kind::kSecret ? "secrets" : "configmaps", kube::UrlEncode(key.name));
}

}  // namespace

void PodLifecycle::Observe(std::string_view operation, std::optional<Refusal> refusal, Instant since) {
  context_.observer.OnOperation(operation, refusal, context_.runtime.Now() - since);
}

Task<Result<Instance>> PodLifecycle::DescribeInstance(std::string id) {
  const Instant since = context_.runtime.Now();
  Result<Instance> seen = co_await context_.provider.Describe(std::move(id));
  const bool is_answer = seen || seen.error().code == Code::kNotFound;
  Observe("describe", is_answer ? std::optional<Refusal>() : RefusalOf(seen.error()), since);
  co_return seen;
}

Task<Status> PodLifecycle::DeleteInstance(std::string id, Duration grace) {
  const Instant since = context_.runtime.Now();
  Status deleted = co_await context_.provider.Delete(std::move(id), grace);
  const bool is_answer = deleted || deleted.error().code == Code::kNotFound;
  Observe("delete", is_answer ? std::optional<Refusal>() : RefusalOf(deleted.error()), since);
  co_return deleted;
}

Task<tl::expected<Json, InputNotice>> PodLifecycle::Environment() {
  const std::string ns = TextAt(pod_, "metadata", "namespace");
  Inputs inputs;
  const std::vector<InputKey> keys = InputsOf(pod_);
  for (const InputKey& key : keys) {
    Result<Json> object = co_await context_.client.Get(InputPath(ns, key));
    if (object) {
      inputs.emplace(key, *std::move(object));
    } else if (object.error().code == Code::kPermissionDenied) {
      const bool is_secret = key.kind == InputKey::Kind::kSecret;
      InputNotice notice{is_secret ? "FailedToReadSecret" : "FailedToReadConfigMap",
                         fmt::format("The agent may not read {} {}/{}: {}", is_secret ? "Secret" : "ConfigMap", ns,
                                     key.name, object.error().message)};
      co_return tl::unexpected(std::move(notice));
    } else if (object.error().code != Code::kNotFound) {
      log::Warning("cannot read what a Pod's environment needs", {{"why", object.error().message}});
      co_return tl::unexpected(InputNotice{});
    }
  }
  auto resolved = ResolveEnvironment(pod_, inputs, context_.options.internal_ip);
  if (!resolved) co_return tl::unexpected(std::move(resolved).error());
  for (InputNotice& notice : resolved->notices) {
    RecordOnce(true, std::move(notice.reason), std::move(notice.message), "ResolvingEnvironment");
  }
  co_return std::move(resolved->pod);
}

}  // namespace spillway::cloud
