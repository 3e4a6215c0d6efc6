#include "controller/optional_watches.h"

#include <string>
#include <unordered_set>
#include <utility>

#include "kube/api/workloads.h"
#include "kube/paths.h"

namespace spillway::controller {

class OptionalWatches::Watch {
 public:
  virtual ~Watch() = default;
  virtual void Start() = 0;
  virtual Watched Report() const = 0;
};

template <typename T>
class OptionalWatches::WatchOf final : public OptionalWatches::Watch {
 public:
  // Puts one delta into the model.
  using Apply = std::function<void(const kube::Delta<T>&)>;

  WatchOf(OptionalWatches& all, std::string_view path, std::string_view resource, Apply apply)
      : all_(all),
        resource_(resource),
        apply_(std::move(apply)),
        reflector_(all.runtime_, all.transport_, Options(path, resource), [this](auto batch) { Take(batch); }) {}

  void Start() override { reflector_.Start(); }
  Watched Report() const override { return {resource_, reflector_.counts(), uids_.size()}; }

 private:
  static kube::ReflectorOptions Options(std::string_view path, std::string_view resource) {
    kube::ReflectorOptions options;
    options.path = path;
    options.resource = resource;
    return options;
  }

  void Take(const kube::DeltaBatch<T>& batch) {
    const std::uint64_t generation = all_.cluster_.generation();
    for (const kube::Delta<T>& delta : batch.deltas) {
      if (delta.object) {
        uids_.insert(delta.uid);
      } else {
        uids_.erase(delta.uid);
      }
      apply_(delta);
    }
    all_.changed_(generation);
  }

  OptionalWatches& all_;
  std::string_view resource_;
  Apply apply_;
  std::unordered_set<std::string> uids_;
  kube::Reflector<T> reflector_;
};

OptionalWatches::OptionalWatches(Runtime& runtime, kube::Transport& transport, sim::Cluster& cluster,
                                 std::function<void(std::uint64_t)> changed)
    : runtime_(runtime), transport_(transport), cluster_(cluster), changed_(std::move(changed)) {}

OptionalWatches::~OptionalWatches() = default;

template <typename T>
void OptionalWatches::AddSelecting(sim::SelectingKind kind, std::string_view path) {
  cluster_.MarkListed(kind);  // nothing is decided before it is, see ClusterState::Usable()
  watches_.push_back(std::make_unique<WatchOf<T>>(*this, path, sim::ResourceOf(kind), [=, this](const auto& delta) {
    if (delta.object) {
      cluster_.Upsert(kind, *delta.object);
    } else {
      cluster_.RemoveSelecting(kind, delta.uid);
    }
  }));
}

void OptionalWatches::AddSelectors() {
  AddSelecting<kube::Service>(sim::SelectingKind::kService, kube::kServicesPath);
  AddSelecting<kube::ReplicationController>(sim::SelectingKind::kReplicationController,
                                            kube::kReplicationControllersPath);
  AddSelecting<kube::ReplicaSet>(sim::SelectingKind::kReplicaSet, kube::kReplicaSetsPath);
  AddSelecting<kube::StatefulSet>(sim::SelectingKind::kStatefulSet, kube::kStatefulSetsPath);
}

void OptionalWatches::AddDeviceClasses() {
  watches_.push_back(std::make_unique<WatchOf<kube::DeviceClass>>(*this, kube::kDeviceClassesPath, "deviceclasses",
                                                                  [this](const auto& delta) {
                                                                    if (delta.object) {
                                                                      cluster_.Upsert(*delta.object);
                                                                    } else {
                                                                      cluster_.RemoveDeviceClass(delta.uid);
                                                                    }
                                                                  }));
}

void OptionalWatches::Start() {
  for (const auto& watch : watches_) watch->Start();
}

std::vector<Watched> OptionalWatches::Watches() const {
  std::vector<Watched> all;
  for (const auto& watch : watches_) all.push_back(watch->Report());
  return all;
}

}  // namespace spillway::controller
