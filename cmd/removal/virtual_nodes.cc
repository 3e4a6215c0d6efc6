#include "cmd/removal/virtual_nodes.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "kube/paths.h"
#include "kube/transport.h"

namespace spillway::cmd {
namespace {

using kube::At;
using kube::Integer;
using kube::Items;
using kube::Json;
using kube::TextAt;

constexpr const char* kInstancesAnnotation = "spillway.io/instances";
constexpr std::size_t kMostNamed = 5;

bool IsOfDaemonSet(const Json& pod) {
  const Json& owners = Items(At(pod, "metadata", "ownerReferences"));
  return std::any_of(owners.begin(), owners.end(),
                     [](const Json& owner) { return TextAt(owner, "kind") == "DaemonSet"; });
}

std::string NamePods(std::vector<std::string> names) {
  const std::size_t count = names.size();
  if (count > kMostNamed) names.resize(kMostNamed);
  std::string text = fmt::format("{}", fmt::join(names, ", "));
  if (count > kMostNamed) text += fmt::format(" and {} more", count - kMostNamed);
  return text;
}

}  // namespace

Task<Result<std::vector<Json>>> ListVirtualNodes(kube::Client& client, std::string selector,
                                                 std::set<std::string> keep) {
  std::string path = fmt::format("{}?labelSelector={}", kube::kNodesPath, kube::UrlEncode(selector));
  Result<Json> list = co_await client.Get(std::move(path));
  if (!list) co_return Fail(std::move(list).error().Annotated("listing virtual nodes"));
  std::vector<Json> nodes;
  for (const Json& node : Items(At(*list, "items"))) {
    if (!keep.contains(TextAt(node, "metadata", "name"))) nodes.push_back(node);
  }
  co_return nodes;
}

Task<Status> SetCordon(kube::Client& client, std::string node, bool cordoned) {
  std::string path = kube::NodePath(node);
  // Absent is what an uncordoned Node has, and what kubectl makes of it.
  Json patch = {{"spec", {{"unschedulable", cordoned ? Json(true) : Json(nullptr)}}}};
  Result<Json> patched = co_await client.MergePatch(std::move(path), std::move(patch));
  if (!patched) {
    co_return Fail(
        std::move(patched).error().Annotated(fmt::format("{} {}", cordoned ? "cordoning" : "uncordoning", node)));
  }
  co_return Status();
}

Task<Result<std::vector<std::string>>> ListPodsThatCount(kube::Client& client, std::string node) {
  std::string path = fmt::format("{}?fieldSelector={}", kube::kPodsPath, kube::UrlEncode("spec.nodeName=" + node));
  Result<Json> list = co_await client.Get(std::move(path));
  if (!list) co_return Fail(std::move(list).error().Annotated(fmt::format("listing the Pods of {}", node)));
  std::vector<std::string> pods;
  for (const Json& pod : Items(At(*list, "items"))) {
    if (!IsOfDaemonSet(pod)) {
      pods.push_back(fmt::format("{}/{}", TextAt(pod, "metadata", "namespace"), TextAt(pod, "metadata", "name")));
    }
  }
  co_return pods;
}

std::optional<std::string> WhatIsLeft(const Json& node, const std::vector<std::string>& pods, WallTime cordoned_at) {
  if (!pods.empty()) return fmt::format("{} Pod{} ({})", pods.size(), pods.size() == 1 ? "" : "s", NamePods(pods));
  const std::string told = TextAt(node, "metadata", "annotations", kInstancesAnnotation);
  const Json observation = Json::parse(told, nullptr, /*allow_exceptions=*/false);
  const auto observed_at = base::ParseRfc3339(TextAt(observation, "observedAt"));
  if (!observed_at) return "an agent that has not said yet what it has in the cloud";
  if (const auto count = Integer(At(observation, "count")); count > 0) {
    return fmt::format("{} instance{} in the cloud, seen at {}", count, count == 1 ? "" : "s",
                       base::FormatRfc3339(*observed_at));
  }
  if (*observed_at <= cordoned_at) {
    return fmt::format("an agent that has said nothing of the cloud since {}", base::FormatRfc3339(*observed_at));
  }
  return std::nullopt;
}

}  // namespace spillway::cmd
