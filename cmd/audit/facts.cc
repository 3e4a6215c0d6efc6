#include "cmd/audit/facts.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "cmd/listing.h"
#include "kube/json.h"
#include "kube/paths.h"
#include "kube/transport.h"

namespace spillway::cmd {
namespace {

using kube::At;
using kube::Items;
using kube::Json;
using kube::TextAt;

std::string WhyWaiting(const Json& pod) {
  for (const Json& status : Items(At(pod, "status", "containerStatuses"))) {
    const Json& waiting = At(status, "state", "waiting");
    const std::string reason = TextAt(waiting, "reason"), message = TextAt(waiting, "message");
    if (!reason.empty()) return message.empty() ? reason : fmt::format("{}: {}", reason, message);
  }
  return TextAt(pod, "status", "reason");
}

AuditedPod Read(const Json& pod) {
  return {TextAt(pod, "metadata", "uid"),  TextAt(pod, "metadata", "namespace"), TextAt(pod, "metadata", "name"),
          TextAt(pod, "spec", "nodeName"), TextAt(pod, "status", "phase"),       WhyWaiting(pod)};
}

class Gathering {
 public:
  Gathering(kube::Client& client, InstanceLister list, std::string provider)
      : client_(client), list_(std::move(list)), provider_(std::move(provider)) {}

  Task<Result<AuditFacts>> Run() {
    Result<std::vector<cloud::Instance>> before = co_await list_();
    if (!before) co_return Fail(std::move(before).error());
    facts_.before = *std::move(before);
    Status read = co_await ReadNodes();
    if (read) read = co_await ReadPodsOfNodes();
    if (read) read = co_await ReadPodsElsewhere();
    if (!read) co_return Fail(std::move(read).error());
    Result<std::vector<cloud::Instance>> after = co_await list_();
    if (!after) co_return Fail(std::move(after).error());
    facts_.after = *std::move(after);
    co_return std::move(facts_);
  }

 private:
  Task<Status> ReadNodes() {
    std::string path(kube::kNodesPath), selector;
    Result<std::vector<Json>> nodes = co_await ListAll(client_, std::move(path), std::move(selector));
    if (!nodes) co_return Fail(std::move(nodes).error());
    for (const Json& node : *nodes) {
      const std::string name = TextAt(node, "metadata", "name");
      facts_.nodes.insert(name);
      if (TextAt(node, "metadata", "annotations", "spillway.io/provider") == provider_) ours_.insert(name);
    }
    for (const cloud::Instance& instance : facts_.before) ours_.insert(instance.identity.node_name);
    co_return Status();
  }

  Task<Status> ReadPodsOfNodes() {
    for (const std::string& node : ours_) {
      std::string path(kube::kPodsPath), selector = "fieldSelector=" + kube::UrlEncode("spec.nodeName=" + node);
      Result<std::vector<Json>> pods = co_await ListAll(client_, std::move(path), std::move(selector));
      if (!pods) co_return Fail(std::move(pods).error());
      for (const Json& pod : *pods) {
        AuditedPod read = Read(pod);
        facts_.pods[read.uid] = std::move(read);
      }
    }
    co_return Status();
  }

  // Instances whose Pod is on none of these nodes: it may be on another one, or not bound.
  Task<Status> ReadPodsElsewhere() {
    for (const cloud::Instance& instance : facts_.before) {
      const cloud::InstanceIdentity& identity = instance.identity;
      if (facts_.pods.contains(identity.pod_uid)) continue;
      std::string path = kube::PodPath(identity.pod_namespace, identity.pod_name);
      Result<Json> pod = co_await client_.Get(std::move(path));
      if (!pod && pod.error().code == Code::kNotFound) continue;
      if (!pod) co_return Fail(std::move(pod).error().Annotated("asking for the Pod of an instance"));
      if (TextAt(*pod, "metadata", "uid") == identity.pod_uid) facts_.pods[identity.pod_uid] = Read(*pod);
    }
    co_return Status();
  }

  kube::Client& client_;
  InstanceLister list_;
  std::string provider_;
  std::set<std::string> ours_;
  AuditFacts facts_;
};

}  // namespace

Task<Result<AuditFacts>> GatherFacts(kube::Client& client, InstanceLister list, std::string provider) {
  Gathering gathering(client, std::move(list), std::move(provider));
  Result<AuditFacts> facts = co_await gathering.Run();
  co_return facts;
}

}  // namespace spillway::cmd
