#include "cloud/agent/node_registrar.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {
constexpr Duration kFirstRetry = 500ms;
constexpr Duration kLongestRetry = 7s;  // kubelet's, for leases
constexpr std::string_view kLeaseNamespace = "kube-node-lease";
}  // namespace

NodeRegistrar::NodeRegistrar(AgentContext& context)
    : context_(context), options_(context.options), changed_(context.runtime), flows_(context.runtime) {}

void NodeRegistrar::Start() {
  flows_.Spawn(KeepNode());
  flows_.Spawn(KeepLease());
}

void NodeRegistrar::SetTrouble(NodeTrouble trouble) {
  if (trouble.reason == trouble_.reason && trouble.message == trouble_.message) return;
  trouble_ = std::move(trouble);
  changed_.Notify();
}

void NodeRegistrar::SetKubeletPort(std::uint16_t port) {
  options_.kubelet_port = port;
  changed_.Notify();
}

std::string NodeRegistrar::NodePath() const { return kube::NodePath(options_.node_name); }

bool NodeRegistrar::ForbidsRoleLabel(const Error& error) const {
  return error.code == Code::kPermissionDenied && role_ == RoleLabel::kIncluded &&
         error.message.find("kubernetes.io/role") != std::string::npos;
}

Task<void> NodeRegistrar::KeepNode() {
  Duration retry = kFirstRetry;
  for (;;) {
    const Status done = co_await Synchronise();
    Duration pause = options_.node_status_interval;
    if (done) {
      if (!registered_) log::Info("registered the node", {{"node", options_.node_name}});
      registered_ = true;
      retry = kFirstRetry;
    } else {
      log::Warning(
          "cannot keep the node's status up to date",
          {{"node", options_.node_name}, {"why", done.error().message}, {"retry_in", base::FormatDuration(retry)}});
      pause = std::max(retry, done.error().retry_after);
      retry = std::min(2 * retry, kLongestRetry);
    }
    co_await changed_.WaitUntil(context_.runtime.Now() + pause);
  }
}

Task<Result<Json>> NodeRegistrar::GetOrCreate() {
  Result<Json> node = co_await context_.client.Get(NodePath());
  if (node || node.error().code != Code::kNotFound) co_return node;
  for (;;) {
    Json wanted =
        NewNode(options_, std::string(context_.provider.name()), context_.provider.unsupported_features(), role_);
    Result<Json> created = co_await context_.client.Create(std::string(kube::kNodesPath), std::move(wanted));
    if (created) {
      if (registered_) log::Warning("the node had been deleted; created it again", {{"node", options_.node_name}});
      lease_ = Json();  // its owner is gone, and so will it be
      co_return created;
    }
    if (!ForbidsRoleLabel(created.error())) co_return Fail(std::move(created).error().Annotated("creating the Node"));
    role_ = RoleLabel::kLeftOut;
  }
}

Task<Status> NodeRegistrar::Synchronise() {
  Result<Json> node = co_await GetOrCreate();
  if (!node) co_return Fail(std::move(node).error());
  node_uid_ = TextAt(*node, "metadata", "uid");

  const Json wanted =
      NewNode(options_, std::string(context_.provider.name()), context_.provider.unsupported_features(), role_);
  Json repair = NodeRepair(*node, wanted);
  if (!repair.is_null() && !repair_refused_) {
    Result<Json> repaired = co_await context_.client.StrategicPatch(NodePath(), std::move(repair));
    if (!repaired && ForbidsRoleLabel(repaired.error())) {
      role_ = RoleLabel::kLeftOut;
    } else if (!repaired && repaired.error().code == Code::kPermissionDenied) {
      // A kubelet's identity may not touch its own taints: the node lives on without.
      log::Warning("may not repair the node's labels or taint", {{"why", repaired.error().message}});
      repair_refused_ = true;
    } else if (!repaired) {
      co_return Fail(std::move(repaired).error().Annotated("repairing the Node"));
    }
  }

  Json status = NodeStatusPatch(options_, *node, trouble_, context_.runtime.WallNow());
  Result<Json> sent = co_await context_.client.StrategicPatch(NodePath() + "/status", std::move(status));
  if (!sent) co_return Fail(std::move(sent).error().Annotated("sending the Node's status"));
  co_return Status();
}

Task<void> NodeRegistrar::KeepLease() {
  Duration retry = kFirstRetry;
  for (;;) {
    Duration pause = options_.lease_renewal;
    if (!node_uid_.empty()) {
      const Status renewed = co_await RenewLease();
      if (renewed) {
        context_.observer.OnLeaseRenewed();
        retry = kFirstRetry;
      } else {
        log::Warning("cannot renew the node's lease", {{"node", options_.node_name}, {"why", renewed.error().message}});
        lease_ = Json();  // read it again: someone else may have written it
        pause = retry;
        retry = std::min(2 * retry, kLongestRetry);
      }
    } else {
      pause = kFirstRetry;
    }
    co_await context_.runtime.SleepFor(pause);
  }
}

Task<Status> NodeRegistrar::RenewLease() {
  const std::string path = kube::LeasePath(kLeaseNamespace, options_.node_name);
  if (lease_.is_null()) {
    Result<Json> found = co_await context_.client.Get(path);
    if (!found && found.error().code == Code::kNotFound) {
      Json lease = NewLease(options_, node_uid_, context_.runtime.WallNow());
      found = co_await context_.client.Create(kube::LeasePath(kLeaseNamespace), std::move(lease));
      if (found) {
        lease_ = *std::move(found);
        co_return Status();
      }
    }
    if (!found) co_return Fail(std::move(found).error());
    lease_ = *std::move(found);
  }
  Json next = NewLease(options_, node_uid_, context_.runtime.WallNow());
  Json renewed = lease_;
  renewed["spec"] = std::move(next["spec"]);
  renewed["metadata"]["ownerReferences"] = std::move(next["metadata"]["ownerReferences"]);
  Result<Json> updated = co_await context_.client.Update(path, std::move(renewed));
  if (!updated) co_return Fail(std::move(updated).error());
  lease_ = *std::move(updated);
  co_return Status();
}

}  // namespace spillway::cloud
