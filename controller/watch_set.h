#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "kube/reflector.h"
#include "kube/transport.h"

namespace spillway::controller {

// One watched resource, as readiness and metrics show it.
struct Watched {
  std::string_view resource;
  kube::ReflectorCounts counts;
};

// The kinds that verdicts depend on in this cluster, each kept in step by a Reflector. What a kind's objects mean is
// none of its business. Loop thread only.
class WatchSet {
 public:
  // Whose verdicts depend on a kind: these Pods are undecidable while it is not known.
  enum class Concerns : std::uint8_t { kEveryPod, kPodsWithVolumes, kNoVerdict };
  template <typename T>
  using Take = std::function<void(kube::DeltaBatch<T>)>;

  // Both outlive this.
  WatchSet(Runtime& runtime, kube::Transport& transport) : runtime_(runtime), transport_(transport) {}
  WatchSet(const WatchSet&) = delete;
  WatchSet& operator=(const WatchSet&) = delete;

  // Before Start(). `path`: "/api/v1/pods"; its last part is the resource. `take` must not destroy this.
  template <typename T>
  void Add(Concerns concerns, std::string_view path, Take<T> take, std::string field_selector = "");
  // In the order added.
  void Start();

  // Ok when each kind that concerns those Pods was listed completely and its watch is being answered. The error says
  // which is not, and why.
  Status Known(Concerns concerns) const;
  std::vector<Watched> All() const;

 private:
  struct Watch {
    std::string resource;
    Concerns concerns;
    std::function<void()> start;
    std::function<const kube::ReflectorCounts&()> counts;
  };

  Runtime& runtime_;
  kube::Transport& transport_;
  std::vector<Watch> watches_;  // each holds its reflector
};

template <typename T>
void WatchSet::Add(Concerns concerns, std::string_view path, Take<T> take, std::string field_selector) {
  const std::string resource(path.substr(path.rfind('/') + 1));
  kube::ReflectorOptions options;
  options.path = path;
  options.resource = resource;
  options.field_selector = std::move(field_selector);
  const auto reflector =
      std::make_shared<kube::Reflector<T>>(runtime_, transport_, std::move(options), std::move(take));
  watches_.push_back({resource, concerns, [reflector] { reflector->Start(); },
                      [reflector]() -> const kube::ReflectorCounts& { return reflector->counts(); }});
}

}  // namespace spillway::controller
