#include "tests/simulation/naive_cluster.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kube/api/capabilities.h"
#include "kube/json.h"

namespace spillway::simulation {
namespace {

constexpr int kMinorVersion = 36;  // as the controllers of a World are told

template <typename T>
std::vector<T>& ListOf(Objects& objects) {
  if constexpr (std::is_same_v<T, kube::Pod>) return objects.pods;
  if constexpr (std::is_same_v<T, kube::Node>) return objects.nodes;
  if constexpr (std::is_same_v<T, kube::Namespace>) return objects.namespaces;
  if constexpr (std::is_same_v<T, kube::PersistentVolumeClaim>) return objects.claims;
  if constexpr (std::is_same_v<T, kube::PersistentVolume>) return objects.volumes;
  if constexpr (std::is_same_v<T, kube::StorageClass>) return objects.storage_classes;
  if constexpr (std::is_same_v<T, kube::CsiNode>) return objects.csi_nodes;
  if constexpr (std::is_same_v<T, kube::CsiDriver>) return objects.csi_drivers;
  if constexpr (std::is_same_v<T, kube::CsiStorageCapacity>) return objects.capacities;
  if constexpr (std::is_same_v<T, kube::VolumeAttachment>) return objects.attachments;
}

template <typename T>
auto Find(std::vector<T>& list, std::string_view uid) {
  return std::find_if(list.begin(), list.end(), [&](const T& object) { return object.metadata.uid == uid; });
}

// Null: takes it away.
template <typename T>
void Set(Objects& objects, const std::string& uid, const T* state) {
  std::vector<T>& list = ListOf<T>(objects);
  const auto found = Find(list, uid);
  if (state == nullptr) {
    if (found != list.end()) list.erase(found);
  } else if (found == list.end()) {
    list.push_back(*state);
  } else {
    *found = *state;
  }
}

std::string WithoutGarbage(std::string_view json) {
  if (json.find(kGarbledField) == std::string_view::npos) return std::string(json);
  kube::Json node = kube::Json::parse(json, nullptr, false);
  if (kube::At(node, "status", kGarbledField).is_boolean()) node["status"].erase(kGarbledField);
  return node.dump();
}

// kube-scheduler has, and found no node.
bool WasTried(const kube::Pod& pod) { return pod.pod_scheduled && !pod.pod_scheduled->is_true; }

// No verdict can tell the two apart: what heartbeats and status updates are like.
bool LooksTheSame(const kube::Pod& a, const kube::Pod& b) {
  return WasTried(a) == WasTried(b) && a.node_name == b.node_name && a.is_terminal() == b.is_terminal() &&
         a.is_terminating() == b.is_terminating() && a.nominated_node_name == b.nominated_node_name &&
         a.has_scheduling_gates == b.has_scheduling_gates && a.metadata.labels == b.metadata.labels &&
         a.tolerations == b.tolerations;
}
bool LooksTheSame(const kube::Node& a, const kube::Node& b) {
  return a.unschedulable == b.unschedulable && a.taints == b.taints && a.allocatable == b.allocatable &&
         a.metadata.labels == b.metadata.labels;
}
template <typename T>
bool LooksTheSame(const T&, const T&) {
  return false;
}

}  // namespace

template <typename T>
bool NaiveCluster::PutAs(std::string_view json, Instant now) {
  auto decoded = decoder_.Decode<T>(json);
  if (!decoded) {
    const auto identity = decoder_.DecodeIdentity(json);
    return identity && RemoveAs<T>(identity->uid, now);
  }
  std::vector<T>& list = ListOf<T>(objects_);
  const auto found = Find(list, decoded->metadata.uid);
  if (found == list.end()) {
    Remember(now, [uid = decoded->metadata.uid](Objects& objects) { Set<T>(objects, uid, nullptr); });
    list.push_back(std::move(*decoded));
    return true;
  }
  const bool same = LooksTheSame(*found, *decoded);
  if (!same) {
    Remember(now, [before = std::make_shared<const T>(std::move(*found))](Objects& objects) {
      Set<T>(objects, before->metadata.uid, before.get());
    });
  }
  *found = std::move(*decoded);
  return !same;
}

template <typename T>
bool NaiveCluster::RemoveAs(const std::string& uid, Instant now) {
  std::vector<T>& list = ListOf<T>(objects_);
  const auto found = Find(list, uid);
  if (found == list.end()) return false;
  Remember(now, [before = std::make_shared<const T>(std::move(*found))](Objects& objects) {
    Set<T>(objects, before->metadata.uid, before.get());
  });
  list.erase(found);
  return true;
}

bool NaiveCluster::Put(std::string_view resource, std::string_view json, Instant now) {
  if (resource == "pods") return PutAs<kube::Pod>(json, now);
  if (resource == "nodes") return PutAs<kube::Node>(WithoutGarbage(json), now);
  if (resource == "namespaces") return PutAs<kube::Namespace>(json, now);
  if (resource == "persistentvolumeclaims") return PutAs<kube::PersistentVolumeClaim>(json, now);
  if (resource == "persistentvolumes") return PutAs<kube::PersistentVolume>(json, now);
  if (resource == "storageclasses") return PutAs<kube::StorageClass>(json, now);
  if (resource == "csinodes") return PutAs<kube::CsiNode>(json, now);
  if (resource == "csidrivers") return PutAs<kube::CsiDriver>(json, now);
  if (resource == "csistoragecapacities") return PutAs<kube::CsiStorageCapacity>(json, now);
  if (resource == "volumeattachments") return PutAs<kube::VolumeAttachment>(json, now);
  return false;
}

bool NaiveCluster::Remove(std::string_view resource, const std::string& uid, Instant now) {
  if (resource == "pods") return RemoveAs<kube::Pod>(uid, now);
  if (resource == "nodes") return RemoveAs<kube::Node>(uid, now);
  if (resource == "namespaces") return RemoveAs<kube::Namespace>(uid, now);
  if (resource == "persistentvolumeclaims") return RemoveAs<kube::PersistentVolumeClaim>(uid, now);
  if (resource == "persistentvolumes") return RemoveAs<kube::PersistentVolume>(uid, now);
  if (resource == "storageclasses") return RemoveAs<kube::StorageClass>(uid, now);
  if (resource == "csinodes") return RemoveAs<kube::CsiNode>(uid, now);
  if (resource == "csidrivers") return RemoveAs<kube::CsiDriver>(uid, now);
  if (resource == "csistoragecapacities") return RemoveAs<kube::CsiStorageCapacity>(uid, now);
  if (resource == "volumeattachments") return RemoveAs<kube::VolumeAttachment>(uid, now);
  return false;
}

void NaiveCluster::Remember(Instant now, std::function<void(Objects&)> undo) {
  while (!past_.empty() && past_.front().when < now - memory_) past_.pop_front();
  past_.push_back({now, std::move(undo)});
}

const kube::Pod* NaiveCluster::FindPod(std::string_view uid) const {
  for (const kube::Pod& pod : objects_.pods) {
    if (pod.metadata.uid == uid) return &pod;
  }
  return nullptr;
}

NaiveVerdict NaiveCluster::JudgeIn(const Objects& objects, const kube::Pod& pod) {
  return sim::testing::JudgeNaively(objects, pod, kMinorVersion);
}

bool NaiveCluster::WalkBack(Instant since, const std::function<bool(const Objects&)>& stop) const {
  if (stop(objects_)) return true;
  Objects then = objects_;
  for (auto past = past_.rbegin(); past != past_.rend() && past->when >= since; ++past) {
    past->undo(then);
    if (stop(then)) return true;
  }
  return false;
}

bool IsVirtualNode(const kube::Node& node) {
  const std::string* type = kube::Find(node.metadata.labels, "type");
  return type != nullptr && *type == "virtual-kubelet";
}

bool IsWaiting(const kube::Pod& pod) {
  return !pod.is_bound() && !pod.is_terminal() && !pod.is_terminating() && !pod.has_scheduling_gates &&
         pod.scheduler_name == "default-scheduler";
}

std::string LikenessOf(const kube::Pod& pod) {
  const kube::OwnerReference* owner = pod.metadata.Controller();
  return owner == nullptr || owner->kind == "DaemonSet" ? pod.metadata.uid : owner->uid;
}

namespace {

// The node would take it, were all that is less important gone: kube-scheduler may be making room there.
bool MayHold(Objects objects, const kube::Pod& pod) {
  std::erase_if(objects.pods, [&](const kube::Pod& other) { return other.priority < pod.priority; });
  const std::vector<std::string> nodes = RealNodesFor(objects, pod);
  return std::find(nodes.begin(), nodes.end(), pod.nominated_node_name) != nodes.end();
}

}  // namespace

std::optional<std::string> WhyIneligible(const Objects& objects, const kube::Pod& pod) {
  if (pod.has_scheduling_gates) return "it had scheduling gates";
  if (pod.is_terminating()) return "it was terminating";
  if (!pod.nominated_node_name.empty() && MayHold(objects, pod))
    return "it was nominated to " + pod.nominated_node_name;
  if (pod.scheduler_name != "default-scheduler") return "its scheduler is " + pod.scheduler_name;
  if (pod.metadata.ns == "kube-system") return "its namespace is excluded";
  const kube::OwnerReference* owner = pod.metadata.Controller();
  if (owner != nullptr && owner->kind == "DaemonSet") return "it belongs to a DaemonSet";
  const std::string* overflow = kube::Find(pod.metadata.annotations, "spillway.io/overflow");
  if (overflow != nullptr && *overflow == "false") return "it had opted out";
  const std::string* local = kube::Find(pod.metadata.annotations, "AUTO_SCALE_EKS");
  const bool own_word = overflow != nullptr && *overflow == "true";
  if (local != nullptr && *local == "false" && !own_word) return "it had opted out";
  return std::nullopt;
}

kube::Pod Overflowing(kube::Pod pod) {
  kube::Toleration toleration;
  toleration.key = "virtual-kubelet.io/provider";
  toleration.op = kube::Toleration::Operator::kExists;
  pod.tolerations.push_back(toleration);
  return pod;
}

namespace {

std::int64_t MilliCpuOf(const kube::Pod& pod) {
  std::int64_t sum = 0;
  for (const kube::Container& container : pod.containers) {
    for (const auto& [name, amount] : container.requests) sum += name == "cpu" ? amount.MilliValue() : 0;
  }
  return sum;
}

std::string_view AnnotationOf(const kube::Node& node, std::string_view name) {
  for (const auto& [key, value] : node.metadata.annotations) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

bool SaysItCan(const kube::Node& node, const kube::Pod& pod) {
  const std::string_view said = AnnotationOf(node, "spillway.io/capabilities");
  const std::string can = fmt::format(",{},", said.empty() ? kube::kForeignNodeCapabilities : said);
  for (const kube::PodFeature& feature : pod.features) {
    if (can.find("," + feature.name + ",") == std::string::npos &&
        can.find("," + feature.name + "/") == std::string::npos)
      return false;
  }
  const auto largest = kube::ParseLargestInstances(AnnotationOf(node, "spillway.io/largest-instances"));
  if (!largest || largest->empty()) return largest.has_value();
  const kube::ResourceList cpu = {{"cpu", kube::Quantity::FromMilli(MilliCpuOf(pod))}};
  return std::any_of(largest->begin(), largest->end(),
                     [&](const kube::LargestInstance& each) { return each.Fits(cpu); });
}

bool OughtToMove(const Objects& objects, const kube::Pod& pod) {
  const NaiveVerdict verdict = NaiveCluster::JudgeIn(objects, pod);
  if (verdict.undecidable || verdict.fails || !verdict.rejection.empty()) return false;
  const NaiveVerdict overflowing = NaiveCluster::JudgeIn(objects, Overflowing(pod));
  bool has_real = false, lacks_capacity = false, has_virtual = false;
  for (const kube::Node& node : objects.nodes) {
    const NaiveVerdict::Node& here = verdict.nodes.at(node.metadata.name);
    if (IsVirtualNode(node)) {
      has_virtual = has_virtual || (node.ready && !node.cloud_unreachable && SaysItCan(node, pod) &&
                                    overflowing.nodes.at(node.metadata.name).filter.empty());
      continue;
    }
    if (here.filter.empty()) return false;
    has_real = true;
    lacks_capacity = lacks_capacity || here.filter == "NodeResourcesFit" || verdict.lost.contains(node.metadata.name);
  }
  return has_virtual && (lacks_capacity || !has_real);
}

namespace {

std::vector<std::string> NodesFor(const Objects& objects, const kube::Pod& pod, bool real_only) {
  const NaiveVerdict verdict = NaiveCluster::JudgeIn(objects, pod);
  std::vector<std::string> names;
  if (verdict.fails || verdict.undecidable) return names;
  for (const kube::Node& node : objects.nodes) {
    const auto found = verdict.nodes.find(node.metadata.name);
    if (found == verdict.nodes.end() || !found->second.filter.empty()) continue;
    if (!real_only || !IsVirtualNode(node)) names.push_back(node.metadata.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// How kube-scheduler may choose among nodes that fit: nobody may rely on its scores.
enum class Choice : std::uint8_t { kFirst, kEmptiest, kInTheWay };

std::string Choose(const Objects& objects, const std::vector<std::string>& nodes,
                   const std::vector<std::string>& wanted, Choice choice) {
  if (choice == Choice::kInTheWay) {
    for (const std::string& node : nodes) {
      if (std::find(wanted.begin(), wanted.end(), node) != wanted.end()) return node;
    }
  }
  if (choice == Choice::kFirst) return nodes.front();
  const auto pods_on = [&](const std::string& name) {
    return std::count_if(objects.pods.begin(), objects.pods.end(),
                         [&](const kube::Pod& pod) { return pod.node_name == name && !pod.is_terminal(); });
  };
  return *std::min_element(nodes.begin(), nodes.end(),
                           [&](const auto& a, const auto& b) { return pods_on(a) < pods_on(b); });
}

// Whose turn it may be among Pods of one priority: they queue by their last attempt, and those that have just failed
// wait a while before they queue again, while new ones go ahead. By size, because those that wait for what is left may
// fill it in many ways.
enum class Turn : std::uint8_t { kOldestFirst, kNewFirst, kLargestFirst, kSmallestFirst };

std::vector<std::string> InOrder(std::vector<const kube::Pod*> waiting, Turn turn) {
  const auto size = [turn](const kube::Pod* pod) {
    if (turn == Turn::kLargestFirst) return -MilliCpuOf(*pod);
    return turn == Turn::kSmallestFirst ? MilliCpuOf(*pod) : 0;
  };
  const auto place = [&](const kube::Pod* pod) {
    return std::tuple(-pod->priority, turn == Turn::kNewFirst && WasTried(*pod), size(pod),
                      pod->metadata.creation_timestamp, pod->metadata.Key());
  };
  std::sort(waiting.begin(), waiting.end(), [&](const auto* a, const auto* b) { return place(a) < place(b); });
  std::vector<std::string> uids;
  for (const kube::Pod* pod : waiting) uids.push_back(pod->metadata.uid);
  return uids;
}

bool StillFits(Objects objects, const kube::Pod& pod, const std::vector<std::string>& ahead, Choice choice) {
  std::set<std::string> hopeless;
  for (const std::string& uid : ahead) {
    const std::vector<std::string> wanted = RealNodesFor(objects, pod);
    if (wanted.empty()) return false;
    const auto next = Find(objects.pods, uid);
    const bool has_terms = !next->required_pod_affinity.empty() || !next->topology_spread.empty();
    if (!has_terms && hopeless.contains(LikenessOf(*next))) continue;
    const std::vector<std::string> nodes = NodesFor(objects, *next, false);
    if (nodes.empty()) {
      hopeless.insert(LikenessOf(*next));
    } else {
      next->node_name = Choose(objects, nodes, wanted, choice);
    }
  }
  return !RealNodesFor(objects, pod).empty();
}

}  // namespace

std::vector<std::string> RealNodesFor(const Objects& objects, const kube::Pod& pod) {
  return NodesFor(objects, pod, true);
}

std::optional<std::string> NodeLeftFor(const Objects& objects, const kube::Pod& pod) {
  const std::vector<std::string> alone = RealNodesFor(objects, pod);
  if (alone.empty()) return std::nullopt;
  std::vector<const kube::Pod*> waiting;
  for (const kube::Pod& other : objects.pods) {
    if (other.metadata.uid != pod.metadata.uid && IsWaiting(other) && other.priority >= pod.priority)
      waiting.push_back(&other);
  }
  for (const Turn turn : {Turn::kOldestFirst, Turn::kNewFirst, Turn::kLargestFirst, Turn::kSmallestFirst}) {
    const std::vector<std::string> ahead = InOrder(waiting, turn);
    for (const Choice choice : {Choice::kInTheWay, Choice::kEmptiest, Choice::kFirst}) {
      if (!StillFits(objects, pod, ahead, choice)) return std::nullopt;
    }
  }
  return alone.front();
}

}  // namespace spillway::simulation
