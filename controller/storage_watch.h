#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "controller/optional_watches.h"
#include "kube/reflector.h"
#include "kube/transport.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

// What kube-scheduler's volume filters read, watched into the model: claims, volumes, classes, CSINodes, CSIDrivers,
// storage capacities, attachments. The model keeps what it needs and no more.
//
// Only Pods with volumes depend on any of it. So while one kind cannot be listed, for want of a permission say, those
// Pods are undecidable for that reason, and all others are decided as ever.
class StorageWatch {
 public:
  // `changed` is called after every batch with the cluster's generation before it. `transport` and `cluster` outlive
  // this.
  using Changed = std::function<void(std::uint64_t generation_before)>;
  StorageWatch(Runtime& runtime, kube::Transport& transport, sim::Cluster& cluster, Changed changed);
  ~StorageWatch();
  StorageWatch(const StorageWatch&) = delete;
  StorageWatch& operator=(const StorageWatch&) = delete;

  void Start();
  // Tells the model whether everything is known just now.
  void NoteWhatIsKnown();

  std::vector<Watched> Watches() const;

 private:
  class Kind;
  template <typename T>
  class KindOf;

  sim::Cluster& cluster_;
  std::vector<std::unique_ptr<Kind>> kinds_;
};

}  // namespace spillway::controller
