#include "cmd/doctor/words.h"

#include <fmt/core.h>

#include "cmd/agent/alibaba_provider.h"
#include "cmd/agent/tencent_provider.h"
#include "cmd/doctor/checks.h"
#include "kube/api/selector.h"

namespace spillway::cmd::doctor {
namespace {

std::vector<const kube::Json*> NodesThat(const Facts& facts, bool are_virtual) {
  std::vector<const kube::Json*> found;
  const auto selector = kube::ParseSelector(VirtualNodeSelectorOf(facts.installation));
  if (!facts.nodes || !selector) return found;
  for (const kube::Json& node : *facts.nodes) {
    kube::StringMap labels;
    for (const auto& [key, value] : kube::Members(kube::At(node, "metadata", "labels")).items()) {
      labels.emplace_back(key, kube::Text(value));
    }
    if (kube::Matches(*selector, labels) == are_virtual) found.push_back(&node);
  }
  return found;
}

}  // namespace

Finding Unreadable(std::string_view check, std::string_view what, const Error& error) {
  const bool forbidden = error.code == Code::kPermissionDenied;
  return {Level::kUnknown, std::string(check), fmt::format("{} cannot be read: {}", what, error.message),
          forbidden ? "run this as somebody who may" : ""};
}

std::string CountOf(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

bool IsCloud(std::string_view provider) { return IsAlibaba(provider) || IsTencent(provider); }

std::vector<const kube::Json*> VirtualNodesOf(const Facts& facts) { return NodesThat(facts, true); }
std::vector<const kube::Json*> RealNodesOf(const Facts& facts) { return NodesThat(facts, false); }

}  // namespace spillway::cmd::doctor
