#include "controller/storage_watch.h"

#include <fmt/core.h>

#include <unordered_set>
#include <utility>

#include "kube/api/storage.h"
#include "kube/paths.h"

namespace spillway::controller {

class StorageWatch::Kind {
 public:
  virtual ~Kind() = default;
  virtual void Start() = 0;
  virtual Watched Watches() const = 0;
};

template <typename T>
class StorageWatch::KindOf final : public StorageWatch::Kind {
 public:
  using Remove = void (sim::Cluster::*)(std::string_view uid);

  KindOf(Runtime& runtime, kube::Transport& transport, std::string_view path, sim::Cluster& cluster, Remove remove,
         Changed changed)
      : resource_(path.substr(path.rfind('/') + 1)),
        cluster_(cluster),
        remove_(remove),
        changed_(std::move(changed)),
        reflector_(runtime, transport, Options(path), [this](auto batch) { Take(std::move(batch)); }) {}

  void Start() override { reflector_.Start(); }
  Watched Watches() const override { return {resource_, reflector_.counts(), uids_.size()}; }

 private:
  static kube::ReflectorOptions Options(std::string_view path) {
    kube::ReflectorOptions options;
    options.path = path;
    options.resource = path.substr(path.rfind('/') + 1);
    return options;
  }

  void Take(kube::DeltaBatch<T> batch) {
    const std::uint64_t generation = cluster_.generation();
    for (const kube::Delta<T>& delta : batch.deltas) {
      if (delta.object) {
        uids_.insert(delta.uid);
        cluster_.Upsert(*delta.object);
      } else {
        uids_.erase(delta.uid);
        (cluster_.*remove_)(delta.uid);
      }
    }
    changed_(generation);
  }

  std::string_view resource_;
  sim::Cluster& cluster_;
  Remove remove_;
  Changed changed_;
  std::unordered_set<std::string> uids_;
  kube::Reflector<T> reflector_;
};

StorageWatch::StorageWatch(Runtime& runtime, kube::Transport& transport, sim::Cluster& cluster, Changed changed)
    : cluster_(cluster) {
  const auto on_batch = [this, changed = std::move(changed)](std::uint64_t generation) {
    NoteWhatIsKnown();
    changed(generation);
  };
  const auto add = [&]<typename T>(std::string_view path, typename KindOf<T>::Remove remove) {
    kinds_.push_back(std::make_unique<KindOf<T>>(runtime, transport, path, cluster, remove, on_batch));
  };
  using sim::Cluster;
  add.operator()<kube::PersistentVolumeClaim>(kube::kPersistentVolumeClaimsPath, &Cluster::RemoveClaim);
  add.operator()<kube::PersistentVolume>(kube::kPersistentVolumesPath, &Cluster::RemoveVolume);
  add.operator()<kube::StorageClass>(kube::kStorageClassesPath, &Cluster::RemoveStorageClass);
  add.operator()<kube::CsiNode>(kube::kCsiNodesPath, &Cluster::RemoveCsiNode);
  add.operator()<kube::CsiDriver>(kube::kCsiDriversPath, &Cluster::RemoveCsiDriver);
  add.operator()<kube::CsiStorageCapacity>(kube::kCsiStorageCapacitiesPath, &Cluster::RemoveStorageCapacity);
  add.operator()<kube::VolumeAttachment>(kube::kVolumeAttachmentsPath, &Cluster::RemoveVolumeAttachment);
  NoteWhatIsKnown();
}

StorageWatch::~StorageWatch() = default;

void StorageWatch::Start() {
  for (const auto& kind : kinds_) kind->Start();
}

void StorageWatch::NoteWhatIsKnown() {
  for (const Watched& watched : Watches()) {
    const char* problem = !watched.counts.synced ? "not listed yet" : watched.counts.stale ? "watch lost" : nullptr;
    if (problem == nullptr) continue;
    const std::string& cause = watched.counts.last_error;
    cluster_.SetStorageUnknown(fmt::format("it has volumes, and what decides about them is not known: {}: {}{}{}",
                                           watched.resource, problem, cause.empty() ? "" : ": ", cause));
    return;
  }
  cluster_.SetStorageUnknown("");
}

std::vector<Watched> StorageWatch::Watches() const {
  std::vector<Watched> watches;
  for (const auto& kind : kinds_) watches.push_back(kind->Watches());
  return watches;
}

}  // namespace spillway::controller
