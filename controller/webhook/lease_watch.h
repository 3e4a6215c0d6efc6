#pragma once

#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "kube/reflector.h"
#include "kube/transport.h"

namespace spillway::webhook {

// Whether somebody holds a Lease and renews it. The holder's clock is not trusted: a Lease ends so long after *we* last
// saw it change, as in kube::LeaderElector. Only of one that was just found its own time is believed, where it is in
// the past. Loop thread only.
class LeaseWatch {
 public:
  enum class Standing : std::uint8_t { kUnknown, kHeld, kFree };

  // Both outlive this.
  LeaseWatch(Runtime& runtime, kube::Transport& transport, std::string ns, std::string name);
  void Start() { watch_.Start(); }

  Standing Now() const;
  // Ok once it is known whether there is one.
  Status Known() const;

 private:
  void Take(const kube::DeltaBatch<kube::RawObject>& batch);
  void Read(const std::string& lease);

  Runtime& runtime_;
  std::string key_;
  std::string renewed_;  // as it said last
  Instant held_until_{};
  kube::Reflector<kube::RawObject> watch_;
};

}  // namespace spillway::webhook
