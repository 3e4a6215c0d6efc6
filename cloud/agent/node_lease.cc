#include "cloud/agent/node_lease.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/agent/node_object.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {
constexpr Duration kLook = 1s;      // at a Lease that another holds
constexpr Duration kSilence = 15s;  // of a holder that renews every 10 s: it is dead
constexpr Duration kCertain = 12s;  // since a renewal was sent: what is sent now arrives before anybody takes over
constexpr Duration kLookAtOwner = 1s;
constexpr Duration kFirstLeaseRetry = 500ms;
constexpr Duration kLongestLeaseRetry = 7s;  // kubelet's
constexpr std::string_view kLeaseNamespace = "kube-node-lease";

std::string HolderOf(const Json& lease) { return TextAt(lease, "spec", "holderIdentity"); }
}  // namespace

NodeLease::NodeLease(AgentContext& context)
    : context_(context), path_(kube::LeasePath(kLeaseNamespace, context.options.node_name)), flows_(context.runtime) {}

Json NodeLease::Renewed(Json lease) const {
  Json next = NewLease(context_.options, node_uid_(), context_.runtime.WallNow());
  if (lease.is_null()) return next;
  lease["spec"] = std::move(next["spec"]);
  if (next["metadata"].contains("ownerReferences")) {
    lease["metadata"]["ownerReferences"] = std::move(next["metadata"]["ownerReferences"]);
  }
  return lease;
}

void NodeLease::NoteRenewal() {
  const Instant now = context_.runtime.Now();
  const Instant due = renewed_ ? *renewed_ + context_.options.lease_renewal : now;
  context_.observer.OnLeaseRenewed(now - due);
  renewed_ = now;
  renewed_wall_ = context_.runtime.WallNow();
}

// Made anew when it was never read or written; otherwise only over that very version.
Task<Result<Json>> NodeLease::Write(Json lease) {
  Json next = Renewed(lease);
  const Instant sent = context_.runtime.Now();
  Result<Json> written = Json();
  if (lease.is_null()) {
    std::string path = kube::LeasePath(kLeaseNamespace);
    written = co_await context_.api.leases().Create(std::move(path), std::move(next));
  } else {
    written = co_await context_.api.leases().Update(path_, std::move(next));
  }
  if (written) renewal_sent_ = sent;
  co_return written;
}

bool NodeLease::is_certain() const {
  return held_ && renewal_sent_ && context_.runtime.Now() - *renewal_sent_ < kCertain;
}

bool NodeLease::MayTakeOver(const Json& lease) {
  const std::string holder = HolderOf(lease), renewed = TextAt(lease, "spec", "renewTime");
  const AgentOptions& options = context_.options;
  if (holder.empty() || holder == options.identity || (options.is_dead && options.is_dead(holder))) return true;
  const Instant now = context_.runtime.Now();
  if (!sight_ || sight_->holder != holder || sight_->renewed != renewed) {
    if (!sight_ || sight_->holder != holder) {
      log::Warning("another agent of this name holds the node's lease; waiting until it ends",
                   {{"node", options.node_name}, {"holder", holder}, {"self", options.identity}});
    }
    sight_ = Sight{holder, renewed, now};
  }
  return !IsHolderSeen();
}

bool NodeLease::IsHolderSeen() const { return sight_ && context_.runtime.Now() - sight_->since < kSilence; }

Task<NodeLease::Outcome> NodeLease::TryAcquire() {
  Result<Json> found = co_await context_.api.leases().Get(path_);
  if (!found && found.error().code != Code::kNotFound) {
    if (!context_.api.leases().health().is_out()) {
      log::Warning("cannot read the node's lease",
                   {{"node", context_.options.node_name}, {"why", found.error().message}});
    }
    co_return Outcome::kTryAgain;
  }
  Json lease = found ? *std::move(found) : Json();
  // A Lease goes with its Node when somebody deletes that, and its holder lives on.
  if (lease.is_null() ? IsHolderSeen() : !MayTakeOver(lease)) co_return Outcome::kOthers;
  Result<Json> written = co_await Write(std::move(lease));
  if (!written) co_return Outcome::kTryAgain;  // somebody was faster, or it went nowhere
  lease_ = *std::move(written);
  co_return Outcome::kHeld;
}

Task<void> NodeLease::Acquire() {
  Duration retry = kFirstLeaseRetry;
  for (;;) {
    const Outcome outcome = co_await TryAcquire();
    if (outcome == Outcome::kHeld) break;
    const bool is_others = outcome == Outcome::kOthers;
    co_await context_.runtime.SleepFor(is_others ? kLook : retry);
    retry = is_others ? kFirstLeaseRetry : std::min(2 * retry, kLongestLeaseRetry);
  }
  if (sight_) log::Info("took over the node's lease", {{"node", context_.options.node_name}});
  sight_.reset();
  held_ = true;
  NoteRenewal();
}

void NodeLease::Keep(std::function<std::string()> node_uid, std::function<void(std::string)> lost) {
  node_uid_ = std::move(node_uid);
  lost_ = std::move(lost);
  flows_.Spawn(KeepRenewing());
}

Task<void> NodeLease::AwaitRenewal(Duration pause) {
  const Instant due = context_.runtime.Now() + pause;
  const std::string owner = node_uid_();
  while (context_.runtime.Now() < due && node_uid_() == owner) {
    co_await context_.runtime.SleepUntil(std::min(due, context_.runtime.Now() + kLookAtOwner));
  }
}

Task<void> NodeLease::KeepRenewing() {
  Duration retry = kFirstLeaseRetry;
  Duration pause = kFirstLeaseRetry;  // the Node's UID comes soon, and is its owner
  for (;;) {
    co_await AwaitRenewal(pause);
    pause = retry;
    retry = std::min(2 * retry, kLongestLeaseRetry);
    if (lease_.is_null()) {
      Result<Json> found = co_await context_.api.leases().Get(path_);
      if (!found && found.error().code != Code::kNotFound) continue;
      if (found) lease_ = *std::move(found);
    }
    if (!lease_.is_null() && HolderOf(lease_) != context_.options.identity) {
      held_ = false;
      lost_(HolderOf(lease_));
      co_return;
    }
    Result<Json> written = co_await Write(lease_);
    if (!written) {
      if (!context_.api.leases().health().is_out()) {
        log::Warning("cannot renew the node's lease",
                     {{"node", context_.options.node_name}, {"why", written.error().message}});
      }
      lease_ = Json();  // read it again: someone else may have written it
      continue;
    }
    lease_ = *std::move(written);
    NoteRenewal();
    retry = kFirstLeaseRetry;
    const bool is_owned = !node_uid_().empty();
    pause = is_owned ? context_.options.lease_renewal : kFirstLeaseRetry;
  }
}

Task<void> NodeLease::Release() {
  flows_.Clear();
  if (!std::exchange(held_, false) || lease_.is_null()) co_return;
  Json released = lease_;
  released["spec"].erase("holderIdentity");
  (void)co_await context_.api.leases().Update(path_, std::move(released));
}

}  // namespace spillway::cloud
