#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "kube/reflector.h"
#include "kube/transport.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

struct Watched {
  std::string_view resource;
  kube::ReflectorCounts counts;
  std::size_t objects = 0;
};

// Kinds that verdicts depend on in some clusters only; elsewhere they are neither watched nor need a permission.
class OptionalWatches {
 public:
  // `changed` is called after each batch that went into `cluster`, with its generation before. All outlive this.
  OptionalWatches(Runtime& runtime, kube::Transport& transport, sim::Cluster& cluster,
                  std::function<void(std::uint64_t generation)> changed);
  ~OptionalWatches();

  // Services, ReplicationControllers, ReplicaSets and StatefulSets, which default spread constraints go by.
  void AddSelectors();
  void AddDeviceClasses();
  // After all that is to be added.
  void Start();

  std::vector<Watched> Watches() const;

 private:
  class Watch;
  template <typename T>
  class WatchOf;
  template <typename T>
  void AddSelecting(sim::SelectingKind kind, std::string_view path);

  Runtime& runtime_;
  kube::Transport& transport_;
  sim::Cluster& cluster_;
  std::function<void(std::uint64_t)> changed_;
  std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace spillway::controller
