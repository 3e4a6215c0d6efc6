#include "cmd/snapshot/snapshot.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "cmd/flags/simulation_flags.h"
#include "cmd/scheduler_config/scheduler_config.h"
#include "kube/api/json_documents.h"

namespace spillway::cmd {
namespace {

// Kinds that a snapshot may hold because people dump more than the simulation reads.
constexpr std::array kIgnoredKinds = {
    "Secret", "ServiceAccount", "Endpoints",     "EndpointSlice",       "Event", "Deployment",           "DaemonSet",
    "Job",    "CronJob",        "PriorityClass", "PodDisruptionBudget", "Lease", "VolumeAttributesClass"};

// A file's bytes, mapped; standard input and pipes are read.
class FileText {
 public:
  FileText() = default;
  FileText(const FileText&) = delete;
  FileText& operator=(const FileText&) = delete;
  ~FileText() {
    if (mapped_) munmap(mapped_, size_);
  }

  Status Open(const std::string& path) {
    const int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Fail(Code::kInvalidArgument, fmt::format("{}: {}", path, std::strerror(errno)));
    const Status status = Load(fd, path);
    if (fd != STDIN_FILENO) close(fd);
    return status;
  }
  std::string_view text() const { return mapped_ ? std::string_view(static_cast<char*>(mapped_), size_) : read_; }

 private:
  Status Load(int fd, const std::string& path) {
    struct stat info{};
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
      size_ = static_cast<std::size_t>(info.st_size);
      void* memory = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
      if (memory != MAP_FAILED) {
        mapped_ = memory;
        madvise(mapped_, size_, MADV_SEQUENTIAL);
        return {};
      }
    }
    std::array<char, 1 << 16> buffer{};
    for (;;) {
      const ssize_t got = read(fd, buffer.data(), buffer.size());
      if (got == 0) return {};
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Fail(Code::kInvalidArgument, fmt::format("{}: {}", path, std::strerror(errno)));
      read_.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

  void* mapped_ = nullptr;
  std::size_t size_ = 0;
  std::string read_;
};

// "items[131] is a Pod without metadata.name"
std::string NameIn(const kube::JsonObject& object) {
  return object.item < 0 ? std::string("the object") : fmt::format("items[{}]", object.item);
}

}  // namespace

Result<SnapshotOptions> SnapshotOptionsFromFlags() {
  auto minor = SchedulerMinorVersion();
  if (!minor) return Fail(std::move(minor.error()));
  auto scheduler = SchedulerProfiles();
  if (!scheduler) return Fail(std::move(scheduler.error()));
  auto virtual_nodes = VirtualNodeSelector();
  if (!virtual_nodes) return Fail(std::move(virtual_nodes.error()));
  SnapshotOptions options;
  options.cluster.minor_version = *minor == 0 ? sim::kNewestMinorVersion : *minor;
  options.cluster.virtual_nodes = std::move(virtual_nodes->selector);
  options.cluster.foreign_capabilities = std::move(virtual_nodes->foreign_capabilities);
  options.cluster.scheduler = std::move(*scheduler);
  return options;
}

Status Snapshot::ReadFile(const std::string& path) {
  FileText file;
  if (Status opened = file.Open(path); !opened) return opened;
  return ReadText(file.text(), path == "-" ? "<stdin>" : path);
}

Status Snapshot::ReadText(std::string_view text, std::string_view name) {
  bool ours = false;  // the error already says where
  Status status = kube::ForEachJsonObject(text, [&](const kube::JsonObject& object) -> Status {
    const Status added = Add(object.kind, object.raw);
    if (added) return {};
    ours = true;
    return Fail(Code::kMalformed, fmt::format("{}:{}: {} {}", name, kube::LineAndColumn(text, object.offset),
                                              NameIn(object), added.error().message));
  });
  if (!status && !ours) return Fail(Code::kMalformed, fmt::format("{}:{}", name, status.error().message));
  return status;
}

Status Snapshot::Add(std::string_view kind, std::string_view raw) {
  if (kind == "Pod") {
    return Decoded<kube::Pod>(kind, raw).map([&](kube::Pod&& pod) { Upsert(std::move(pod)); });
  }
  if (kind == "Node") {
    return Decoded<kube::Node>(kind, raw).map([&](kube::Node&& node) { Upsert(std::move(node)); });
  }
  if (kind == "Namespace") {
    return Decoded<kube::Namespace>(kind, raw).map([&](kube::Namespace&& ns) {
      cluster_.Upsert(ns);
      surroundings_.Upsert(ns);
    });
  }
  if (kind == "ConfigMap") {
    return Decoded<kube::ConfigMap>(kind, raw).map([&](kube::ConfigMap&& map) {
      const std::string* value = kube::Find(map.data, "AUTO_SCALE_EKS");
      if (value != nullptr) auto_scale_[map.metadata.Key()] = *value;
    });
  }
  if (kind == "KubeSchedulerConfiguration") return Configure(raw);
  if (kind == "DeviceClass") {
    return Decoded<kube::DeviceClass>(kind, raw).map([&](kube::DeviceClass&& one) { cluster_.Upsert(one); });
  }
  if (kind == "Service") return AddSelecting<kube::Service>(kind, raw, sim::SelectingKind::kService);
  if (kind == "ReplicaSet") return AddSelecting<kube::ReplicaSet>(kind, raw, sim::SelectingKind::kReplicaSet);
  if (kind == "StatefulSet") return AddSelecting<kube::StatefulSet>(kind, raw, sim::SelectingKind::kStatefulSet);
  if (kind == "ReplicationController") {
    return AddSelecting<kube::ReplicationController>(kind, raw, sim::SelectingKind::kReplicationController);
  }
  if (const std::optional<Status> added = AddStorage(kind, raw)) return *added;
  if (std::find(kIgnoredKinds.begin(), kIgnoredKinds.end(), kind) != kIgnoredKinds.end()) return {};
  if (kind.empty()) return Fail(Code::kMalformed, "has no kind");
  return Fail(Code::kMalformed, fmt::format("is of a kind that is not known here: {}", kind));
}

Status Snapshot::Configure(std::string_view raw) {
  if (cluster_.generation() != 0) {
    return Fail(Code::kMalformed, "is a KubeSchedulerConfiguration behind other objects; put it first");
  }
  auto config = ParseSchedulerConfig(raw, "KubeSchedulerConfiguration");
  if (!config) return Fail(Code::kMalformed, "cannot be read: " + config.error().message);
  options_.scheduler = std::move(*config);
  cluster_ = sim::Cluster(options_);
  return {};
}

// One object of a kind tells a snapshot with that kind from one without: what it lacks then is not there.
template <typename T>
Status Snapshot::AddSelecting(std::string_view kind, std::string_view raw, sim::SelectingKind selecting) {
  return Decoded<T>(kind, raw).map([&](T&& object) {
    if (object.metadata.ns.empty()) object.metadata.ns = "default";
    cluster_.Upsert(selecting, object);
    cluster_.MarkListed(selecting);
  });
}

template <typename T>
Status Snapshot::Put(std::string_view kind, std::string_view raw) {
  return Decoded<T>(kind, raw).map([&](T&& object) { cluster_.Upsert(object); });
}

std::optional<Status> Snapshot::AddStorage(std::string_view kind, std::string_view raw) {
  if (kind == "PersistentVolumeClaim") {
    return Decoded<kube::PersistentVolumeClaim>(kind, raw).map([&](kube::PersistentVolumeClaim&& claim) {
      if (claim.metadata.ns.empty()) claim.metadata.ns = "default";
      cluster_.Upsert(claim);
    });
  }
  if (kind == "PersistentVolume") return Put<kube::PersistentVolume>(kind, raw);
  if (kind == "StorageClass") return Put<kube::StorageClass>(kind, raw);
  if (kind == "CSINode") return Put<kube::CsiNode>(kind, raw);
  if (kind == "CSIDriver") return Put<kube::CsiDriver>(kind, raw);
  if (kind == "CSIStorageCapacity") return Put<kube::CsiStorageCapacity>(kind, raw);
  if (kind == "VolumeAttachment") return Put<kube::VolumeAttachment>(kind, raw);
  return std::nullopt;
}

template <typename T>
Result<T> Snapshot::Decoded(std::string_view kind, std::string_view raw) {
  auto object = decoder_.Decode<T>(raw);
  if constexpr (std::is_same_v<T, kube::Pod>) {  // kept to make others like it, which have no node yet
    if (object && object->is_bound() && keeps_ && keeps_(*object)) {
      if (auto features = decoder_.DecodeFeatures(raw)) object->features = *std::move(features);
    }
  }
  if (object) return object;
  const auto identity = decoder_.DecodeIdentity(raw);
  if (identity && identity->name.empty())
    return Fail(Code::kMalformed, fmt::format("is a {} without metadata.name", kind));
  return Fail(Code::kMalformed, fmt::format("cannot be read: {}", object.error().message));
}

void Snapshot::Upsert(kube::Pod pod) {
  if (pod.metadata.ns.empty()) pod.metadata.ns = "default";
  if (pod.metadata.uid.empty()) pod.metadata.uid = pod.metadata.Key();
  std::string why_not = WhyNotLookedAt(pod);
  cluster_.Upsert(pod);
  surroundings_.RemovePod(pod.metadata.uid);
  if (pod.is_bound() && !pod.is_terminal()) surroundings_.Place(cluster_, pod, pod.node_name);
  if (!pod.is_bound() && !pod.is_terminal()) {
    surroundings_.Wait(pod, why_not.empty());
    unbound_.push_back({pod.metadata.uid, pod.metadata.ns, pod.metadata.name, std::move(why_not)});
  }
  if (keeps_ && keeps_(pod)) kept_.push_back(std::move(pod));
}

void Snapshot::Upsert(kube::Node node) {
  if (node.metadata.uid.empty()) node.metadata.uid = node.metadata.name;
  cluster_.Upsert(node);
  surroundings_.Upsert(node, cluster_.node(*cluster_.FindNode(node.metadata.name)).role);
}

controller::Surroundings Snapshot::SurroundingsFor(const controller::Policy& policy) const {
  controller::Surroundings surroundings = surroundings_;
  const auto found = auto_scale_.find(policy.auto_scale_eks_config);
  if (found != auto_scale_.end()) surroundings.SetAutoScale(found->second);
  surroundings.Price(policy.limits);
  return surroundings;
}

void Snapshot::RemovePod(const std::string& uid) {
  cluster_.RemovePod(uid);
  surroundings_.RemovePod(uid);
  std::erase_if(kept_, [&](const kube::Pod& pod) { return pod.metadata.uid == uid; });
}

std::string Snapshot::WhyNotLookedAt(const kube::Pod& pod) const {
  if (pod.is_bound()) return {};
  if (pod.has_scheduling_gates) return "Scheduling is blocked due to non-empty scheduling gates";
  const std::string_view scheduler = sim::SchedulerNameOf(pod);
  const auto& profiles = options_.scheduler.profiles;
  const bool known = std::any_of(profiles.begin(), profiles.end(),
                                 [&](const auto& profile) { return profile.scheduler_name == scheduler; });
  if (known) return {};
  return fmt::format("it is for the scheduler {} to place, which is not among --scheduler-names", scheduler);
}

std::vector<Snapshot::PendingPod> Snapshot::PendingPods() const {
  std::vector<PendingPod> pods;
  for (const Unbound& pod : unbound_) {
    const auto index = cluster_.FindPod(pod.uid);
    if (index && cluster_.class_of(*index).valid())
      pods.push_back({*index, pod.uid, pod.ns, pod.name, pod.undecidable});
  }
  const auto key = [](const PendingPod& pod) { return std::tie(pod.ns, pod.name); };
  std::stable_sort(pods.begin(), pods.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  // The same Pod may stand in several files; the last one counts.
  const auto same = [](const auto& a, const auto& b) { return a.index == b.index; };
  pods.erase(pods.begin(), std::unique(pods.rbegin(), pods.rend(), same).base());
  return pods;
}

}  // namespace spillway::cmd
