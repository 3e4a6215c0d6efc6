#include "cmd/simulate/what_if.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <tuple>

#include "cmd/flags/flags.h"
#include "sandbox/standins/manifest.h"

namespace spillway::cmd {
namespace {

constexpr int kMostNodes = 100'000;
constexpr int kMostReplicas = 1'000'000;

std::optional<int> ParseCount(std::string_view text, int most) {
  int count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || stop != end || count < 0 || count > most) return std::nullopt;
  return count;
}

std::string FullKind(std::string kind) {
  std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) { return std::tolower(c); });
  static const std::map<std::string, std::string> kShort = {
      {"deploy", "deployment"}, {"rs", "replicaset"}, {"sts", "statefulset"}, {"rc", "replicationcontroller"}};
  if (!kind.empty() && kind.back() == 's' && !kShort.contains(kind)) kind.pop_back();  // "deployments"
  const auto found = kShort.find(kind);
  return found == kShort.end() ? kind : found->second;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::int64_t DeletionCost(const kube::Pod& pod) {
  const std::string* text = kube::Find(pod.metadata.annotations, "controller.kubernetes.io/pod-deletion-cost");
  std::int32_t cost = 0;
  if (text != nullptr) std::from_chars(text->data(), text->data() + text->size(), cost);
  return cost;
}

WallTime Created(const kube::Pod& pod) { return pod.metadata.creation_timestamp.value_or(WallTime()); }

// First to go first.
void SortForRemoval(std::vector<kube::Pod>& pods) {
  std::map<std::string, std::int64_t> siblings;
  for (const kube::Pod& pod : pods) ++siblings[pod.node_name];
  const auto key = [&](const kube::Pod& pod) {
    return std::tuple(pod.is_bound(), DeletionCost(pod), -siblings.at(pod.node_name), -Created(pod).time_since_epoch());
  };
  std::stable_sort(pods.begin(), pods.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

kube::Pod PendingCopy(const kube::Pod& pod, std::string name) {
  kube::Pod copy = pod;
  copy.metadata.name = std::move(name);
  copy.metadata.uid = copy.metadata.Key();
  copy.metadata.deletion_timestamp.reset();
  copy.node_name.clear();
  copy.nominated_node_name.clear();
  copy.phase = kube::PodPhase::kPending;
  copy.pod_scheduled.reset();
  copy.resize_infeasible = false;
  copy.container_statuses.clear();
  copy.init_container_statuses.clear();
  copy.pod_status_requests.reset();
  copy.pod_allocated_resources.clear();
  return copy;
}

}  // namespace

bool Scaling::Owns(const kube::Pod& pod) const {
  const kube::OwnerReference* owner = pod.metadata.Controller();
  if (owner == nullptr || pod.metadata.ns != ns) return false;
  if (FullKind(owner->kind) == kind && owner->name == name) return true;
  if (kind != "deployment" || owner->kind != "ReplicaSet") return false;
  const std::string* hash = kube::Find(pod.metadata.labels, "pod-template-hash");
  return hash != nullptr && owner->name == name + "-" + *hash;
}

Result<std::vector<NodeAddition>> ParseNodeAdditions(std::string_view flag) {
  std::vector<NodeAddition> additions;
  for (const std::string& text : ListOf(std::string(flag))) {
    const std::size_t at = text.find('=');
    const auto count = ParseCount(std::string_view(text).substr(0, at), kMostNodes);
    if (at == std::string::npos || !count || at + 1 == text.size()) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("--add-nodes={}: want a number and a file, as 3=node.yaml", text));
    }
    additions.push_back({*count, text.substr(at + 1)});
  }
  return additions;
}

Result<std::vector<Scaling>> ParseScalings(std::string_view flag) {
  std::vector<Scaling> scalings;
  for (const std::string& text : ListOf(std::string(flag))) {
    const std::size_t at = text.rfind('=');
    const auto parts = Split(std::string_view(text).substr(0, at), '/');
    const auto replicas =
        at == std::string::npos ? std::nullopt : ParseCount(std::string_view(text).substr(at + 1), kMostReplicas);
    const bool complete = std::none_of(parts.begin(), parts.end(), [](auto part) { return part.empty(); });
    if (!replicas || !complete || parts.size() < 2 || parts.size() > 3) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("--scale={}: want an owner and a number, as shop/deployment/web=20", text));
    }
    const bool has_namespace = parts.size() == 3;
    scalings.push_back({has_namespace ? std::string(parts[0]) : "default",
                        FullKind(std::string(parts[has_namespace ? 1 : 0])), std::string(parts.back()), *replicas});
  }
  return scalings;
}

Result<kube::Node> ParseNodeShape(std::string_view yaml) {
  auto manifest = sandbox::ParseManifest(yaml);
  if (!manifest) return Fail(std::move(manifest.error()));
  if (manifest->size() != 1 || manifest->front().value("kind", "") != "Node") {
    return Fail(Code::kMalformed, "want one object, of kind Node");
  }
  auto& shape = manifest->front();
  if (shape.contains("status") && shape["status"].is_object() && !shape["status"].contains("allocatable") &&
      shape["status"].contains("capacity")) {
    shape["status"]["allocatable"] = shape["status"]["capacity"];
  }
  kube::Decoder decoder;
  return decoder.Decode<kube::Node>(shape.dump());
}

Status AddNodes(Snapshot& snapshot, int count, std::string_view yaml) {
  auto node = ParseNodeShape(yaml);
  if (!node) return Fail(std::move(node.error()));
  const std::string name = node->metadata.name;
  for (int i = 1; i <= count; ++i) {
    kube::Node added = *node;
    added.metadata.name = fmt::format("{}-{}", name, i);
    added.metadata.uid.clear();
    for (auto& [key, value] : added.metadata.labels) {
      if (key == "kubernetes.io/hostname") value = added.metadata.name;
    }
    if (snapshot.cluster().FindNode(added.metadata.name)) {
      return Fail(Code::kInvalidArgument, fmt::format("there is a node {} already", added.metadata.name));
    }
    snapshot.Upsert(std::move(added));
  }
  return {};
}

Status Rescale(Snapshot& snapshot, const Scaling& scaling) {
  std::vector<kube::Pod> live;
  const kube::Pod* youngest = nullptr;
  for (const kube::Pod& pod : snapshot.kept()) {
    if (!scaling.Owns(pod)) continue;
    if (youngest == nullptr || Created(pod) >= Created(*youngest)) youngest = &pod;
    if (!pod.is_terminal() && !pod.is_terminating()) live.push_back(pod);
  }
  if (youngest == nullptr) {
    return Fail(Code::kNotFound, fmt::format("--scale: the snapshot has no Pod of {}", scaling.Text()));
  }
  const kube::Pod model = *youngest;
  SortForRemoval(live);
  const auto wanted = static_cast<std::size_t>(scaling.replicas);
  for (std::size_t i = 0; i + wanted < live.size(); ++i) snapshot.RemovePod(live[i].metadata.uid);
  for (std::size_t i = live.size(); i < wanted; ++i) {
    snapshot.Upsert(PendingCopy(model, fmt::format("{}-new-{}", scaling.name, i - live.size() + 1)));
  }
  return {};
}

}  // namespace spillway::cmd
