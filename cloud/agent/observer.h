#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "cloud/provider.h"

namespace spillway::cloud {

// What an agent does, for metrics and for the invariants of simulations. Called on the loop. Every member has an empty
// default.
class AgentObserver {
 public:
  virtual ~AgentObserver() = default;
  // A call to the provider has ended. `operation`: "create", "poll", "describe", "list", "delete", "update", "ping",
  // "market". No refusal: it went well.
  virtual void OnOperation(std::string_view /*operation*/, std::optional<Refusal> /*refusal*/, Duration /*took*/) {}
  virtual void OnInstanceLost() {}
  // A listing lacks all, or most, of what is known: not believed.
  virtual void OnSuspiciousListing() {}
  virtual void OnOrphanDeleted() {}
  // `late`: after it was due; below zero when it came in time.
  virtual void OnLeaseRenewed(Duration /*late*/) {}
};

}  // namespace spillway::cloud
