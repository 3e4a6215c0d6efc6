#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/scope.h"
#include "cloud/agent/context.h"
#include "cloud/json.h"

namespace spillway::cloud {

// The Lease of a virtual node: its heartbeat, and the fence between two agents of one name. Whoever holds it acts; a
// second one waits, says so, and takes over when the holder is dead: it released the Lease, it is known to be dead, or
// it has not renewed for a while that we have watched. Nobody's wall clock decides. A holder that finds another in its
// place has lost it; one that could not renew for a while counts as if it had, until it has.
//
// Loop thread only.
class NodeLease {
 public:
  explicit NodeLease(AgentContext& context);

  // Returns when this process holds the Lease.
  Task<void> Acquire();
  // From then on: renews it, for ever or until `lost` is called. `node_uid` may be empty as long as there is no Node.
  void Keep(std::function<std::string()> node_uid, std::function<void(std::string holder)> lost);
  // So that another agent need not wait. Nothing is renewed any more.
  Task<void> Release();

  bool is_held() const { return held_; }
  // Nobody else can have taken it yet.
  bool is_certain() const;
  // The epoch: not yet.
  WallTime renewed_at() const { return renewed_wall_; }

 private:
  enum class Outcome : std::uint8_t { kHeld, kTryAgain, kOthers };
  struct Sight {
    std::string holder, renewed;
    Instant since;
  };
  Task<Outcome> TryAcquire();
  bool MayTakeOver(const Json& lease);
  // The holder that we have watched may be alive.
  bool IsHolderSeen() const;
  // Until the renewal is due, or there is another Node to be owned by.
  Task<void> AwaitRenewal(Duration pause);
  Task<void> KeepRenewing();
  Task<Result<Json>> Write(Json lease);
  Json Renewed(Json lease) const;
  void NoteRenewal();

  AgentContext& context_;
  const std::string path_;
  bool held_ = false;
  Json lease_;                  // as last written or read
  std::optional<Sight> sight_;  // of another's
  std::function<std::string()> node_uid_ = [] { return std::string(); };
  std::function<void(std::string)> lost_;
  std::optional<Instant> renewed_, renewal_sent_;  // the last that was taken
  WallTime renewed_wall_{};
  TaskScope flows_;
};

}  // namespace spillway::cloud
