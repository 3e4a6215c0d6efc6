#include "cloud/agent/node_registrar.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/agent/billing.h"
#include "cloud/agent/node_capabilities.h"
#include "cloud/agent/node_dns.h"
#include "cloud/agent/node_labels.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {
constexpr Duration kFirstRetry = 500ms;
constexpr Duration kLongestRetry = 7s;
constexpr Duration kSynchroniseGap = 500ms;  // whoever else writes the node, again and again

kube::ReflectorOptions OnlyNode(const std::string& name) {
  kube::ReflectorOptions options;
  options.path = std::string(kube::kNodesPath);
  options.resource = "nodes";
  options.field_selector = "metadata.name=" + name;
  return options;
}
}  // namespace

NodeRegistrar::NodeRegistrar(AgentContext& context, kube::Transport& transport)
    : context_(context),
      options_(context.options),
      capabilities_(NodeCapabilities(context.provider, context.options)),
      changed_(context.runtime),
      watch_(context.runtime, transport, OnlyNode(options_.node_name), [this](auto batch) { OnNode(batch); }),
      flows_(context.runtime) {}

void NodeRegistrar::Start() {
  watch_.Start();
  flows_.Spawn(KeepNode());
}

void NodeRegistrar::SetKubeletPort(std::uint16_t port) {
  options_.kubelet_port = port;
  changed_.Notify();
}

void NodeRegistrar::SetCloud(CloudView cloud) {
  if (cloud == cloud_) return;
  cloud_ = std::move(cloud);
  changed_.Notify();
}

void NodeRegistrar::SetInstancesLeft(InstancesLeft left) {
  const bool is_news = !left_ || (left_->count == 0) != (left.count == 0);
  left_ = left;
  if (is_news) changed_.Notify();
}

// Somebody has deleted it, or taken from it what is ours.
void NodeRegistrar::OnNode(const kube::DeltaBatch<kube::RawObject>& batch) {
  for (const auto& delta : batch.deltas) {
    if (delta.unreadable) continue;
    if (!delta.object) {
      changed_.Notify();
      continue;
    }
    const Json node = Json::parse(delta.object->json, nullptr, /*allow_exceptions=*/false);
    if (!node.is_object()) continue;
    context_.node_dns.OnNode(node);
    context_.node_labels.OnNode(node);
    if (!registered_) continue;
    const bool is_stripped = may_repair_metadata_ && !MetadataRepair(node, Wanted()).is_null();
    if (is_stripped || (may_set_taints_ && !TaintRepair(node, Wanted(), cloud_).is_null())) changed_.Notify();
  }
}

Json NodeRegistrar::Wanted() const {
  return NewNode(options_, std::string(context_.provider.name()), capabilities_, role_);
}

std::string NodeRegistrar::NodePath() const { return kube::NodePath(options_.node_name); }

// An API server that does not answer is told by kube::ServerHealth.
void NodeRegistrar::Tell(std::string_view what, const Error& error) const {
  if (context_.api.nodes().health().is_out()) return;
  log::Warning(what, {{"node", options_.node_name}, {"why", error.message}});
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
      Tell("cannot keep the node's status up to date", done.error());
      pause = std::max(retry, done.error().retry_after);
      retry = std::min(2 * retry, kLongestRetry);
    }
    co_await context_.runtime.SleepFor(std::min(pause, kSynchroniseGap));
    co_await changed_.WaitUntil(context_.runtime.Now() + pause);
  }
}

Task<Result<Json>> NodeRegistrar::GetOrCreate() {
  Result<Json> node = co_await context_.api.nodes().Get(NodePath());
  if (node || node.error().code != Code::kNotFound) co_return node;
  // NodeRestriction keeps kubelets' identities from setting the role label and says so in its message alone: whatever
  // is forbidden is tried once without.
  for (RoleLabel role = role_;; role = RoleLabel::kLeftOut) {
    Json wanted = NewNode(options_, std::string(context_.provider.name()), capabilities_, role);
    Result<Json> created = co_await context_.api.nodes().Create(std::string(kube::kNodesPath), std::move(wanted));
    if (created) {
      role_ = role;
      if (registered_) log::Warning("the node had been deleted; created it again", {{"node", options_.node_name}});
      co_return created;
    }
    if (created.error().code != Code::kPermissionDenied || role == RoleLabel::kLeftOut) {
      co_return Fail(std::move(created).error().Annotated("creating the Node"));
    }
  }
}

Task<Result<Json>> NodeRegistrar::RepairMetadata(Json node) {
  Json repair = MetadataRepair(node, Wanted());
  if (repair.is_null() || !may_repair_metadata_) co_return node;
  Result<Json> repaired = co_await context_.api.nodes().StrategicPatch(NodePath(), std::move(repair));
  if (repaired || repaired.error().code != Code::kPermissionDenied) co_return repaired;
  if (role_ == RoleLabel::kIncluded) {
    role_ = RoleLabel::kLeftOut;
    changed_.Notify();  // perhaps it was for that label
  } else {
    log::Warning("may not repair the node's labels", {{"why", repaired.error().message}});
    may_repair_metadata_ = false;
  }
  co_return node;
}

// A kubelet's identity may set its taints when it creates its Node, and never after: the node lives on without.
Task<Result<Json>> NodeRegistrar::RepairTaints(Json node) {
  Json repair = TaintRepair(node, Wanted(), cloud_);
  if (repair.is_null() || !may_set_taints_) co_return node;
  Result<Json> repaired = co_await context_.api.nodes().StrategicPatch(NodePath(), std::move(repair));
  if (repaired || repaired.error().code != Code::kPermissionDenied) co_return repaired;
  log::Warning("may not set the node's taints; the condition CloudReachable alone tells of trouble with the cloud",
               {{"why", repaired.error().message}});
  may_set_taints_ = false;
  co_return node;
}

Task<Status> NodeRegistrar::Synchronise() {
  Result<Json> node = co_await GetOrCreate();
  if (!node) co_return Fail(std::move(node).error());
  node_uid_ = TextAt(*node, "metadata", "uid");
  if (!registered_) context_.node_dns.OnNode(*node);  // later its watch tells
  context_.node_labels.OnNode(*node);
  node = co_await RepairMetadata(*std::move(node));
  if (node) node = co_await RepairTaints(*std::move(node));
  if (!node) co_return Fail(std::move(node).error().Annotated("repairing the Node"));
  Json status = NodeStatusPatch(options_, *node, cloud_, left_, context_.runtime.WallNow());
  Json market = MarketAnnotations(MarketOf(context_.provider, options_), At(*node, "metadata", "annotations"));
  if (!market.empty()) status["metadata"]["annotations"].update(market);
  Result<Json> sent = co_await context_.api.nodes().StrategicPatch(NodePath() + "/status", std::move(status));
  if (!sent) co_return Fail(std::move(sent).error().Annotated("sending the Node's status"));
  co_return Status();
}

}  // namespace spillway::cloud
