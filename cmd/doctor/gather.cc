#include "cmd/doctor/gather.h"

#include <fmt/core.h>
#include <gflags/gflags.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cloud/providers/rest/caller.h"
#include "cmd/agent/alibaba_provider.h"
#include "cmd/doctor/checks.h"
#include "cmd/doctor/metrics_text.h"
#include "cmd/doctor/words.h"
#include "cmd/listing.h"
#include "kube/paths.h"

DECLARE_string(eci_endpoint);
DECLARE_string(eksci_endpoint);

namespace spillway::cmd::doctor {
namespace {

using kube::At;
using kube::Items;
using kube::Json;
using kube::TextAt;

constexpr const char* kRoleBindingsPath = "/apis/rbac.authorization.k8s.io/v1/rolebindings";
constexpr const char* kWebhooksPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
constexpr const char* kSelfPath = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
constexpr std::size_t kMostSampledNodes = 5;
constexpr int kScrapes = 6;  // for the leader among two or three replicas

struct Dated {
  Result<Json> body;
  std::optional<WallTime> date;
};

class Examination {
 public:
  Examination(kube::Client& client, GatherOptions options) : client_(client), options_(std::move(options)) {}

  Task<Result<Facts>> Run() {
    Status reached = co_await ReadVersion();
    if (!reached) co_return Fail(std::move(reached).error());
    co_await ReadInstallation();
    co_await ReadNodes();
    co_await ReadGroups();
    co_await ReadScheduler();
    co_await ReadLeases();
    co_await ReadWebhooks();
    co_await ReadMetrics();
    co_await ReadNetwork();
    co_await ReviewAll();
    co_await LookAgain();
    co_return std::move(facts_);
  }

 private:
  Task<Dated> Read(std::string path) {
    kube::Request request;
    request.path = std::move(path);
    Result<kube::Response> response = co_await client_.Send(std::move(request));
    Dated dated;
    if (!response) {
      dated.body = Fail(std::move(response).error());
      co_return dated;
    }
    dated.date = cloud::rest::ParseHttpDate(response->date);
    if (response->status / 100 != 2) {
      dated.body = Fail(kube::ToError(*response));
      co_return dated;
    }
    Json body = Json::parse(response->body, nullptr, false);
    if (body.is_discarded()) {
      dated.body = Fail(Code::kMalformed, "the answer is no JSON");
    } else {
      dated.body = std::move(body);
    }
    co_return dated;
  }

  Task<Objects> List(std::string path, std::string query) {
    Objects listed = co_await ListAll(client_, std::move(path), std::move(query));
    co_return listed;
  }

  Task<Objects> ListWhole(std::string path) {
    std::string query;
    Objects listed = co_await List(std::move(path), std::move(query));
    co_return listed;
  }

  Task<Status> ReadVersion() {
    const WallTime before = client_.runtime().WallNow();
    std::string path = "/version";
    Dated version = co_await Read(std::move(path));
    const WallTime after = client_.runtime().WallNow();
    if (!version.body && version.body.error().http_status == 0) co_return Fail(std::move(version.body).error());
    facts_.version = std::move(version.body);
    if (version.date) facts_.clocks = {*version.date, before + (after - before) / 2};
    co_return Status();
  }

  Task<void> ReadInstallation() {
    const std::string scope = options_.ns.empty() ? "" : "namespaces/" + kube::UrlEncode(options_.ns) + "/";
    std::string deployments_path = fmt::format("/apis/apps/v1/{}deployments", scope);
    std::string sets_path = fmt::format("/apis/apps/v1/{}statefulsets", scope);
    Objects deployments = co_await ListWhole(std::move(deployments_path));
    Objects sets = co_await ListWhole(std::move(sets_path));
    facts_.installation =
        FindInstallation(deployments.value_or(std::vector<Json>()), sets.value_or(std::vector<Json>()), options_.ns);
    for (Component& controller : facts_.installation.controllers) {
      if (!options_.controller_account.empty()) controller.account = options_.controller_account;
    }
    for (Component& agent : facts_.installation.virtual_nodes) {
      if (!options_.agent_account.empty()) agent.account = options_.agent_account;
    }
  }

  Task<void> ReadNodes() {
    std::string path(kube::kNodesPath);
    facts_.nodes = co_await ListWhole(std::move(path));
  }

  Task<void> ReadGroups() {
    for (const std::string& group : GroupsNeeded(facts_.installation)) {
      std::string path = (group == "v1" ? "/api/" : "/apis/") + group;
      Dated resources = co_await Read(std::move(path));
      facts_.groups.emplace(group, std::move(resources.body));
    }
  }

  Task<void> ReadScheduler() {
    std::string path = "/api/v1/namespaces/kube-system/pods", query = "labelSelector=component%3Dkube-scheduler";
    facts_.scheduler_pods = co_await List(std::move(path), std::move(query));
    path = kube::kPodsPath;
    query = "fieldSelector=spec.nodeName%3D%2Cstatus.phase%3DPending";
    facts_.pending_pods = co_await List(std::move(path), std::move(query));
    if (facts_.installation.controllers.empty()) co_return;
    const Component& controller = facts_.installation.controller();
    if (controller.scheduler_config_map.empty()) co_return;
    path = kube::ConfigMapPath(controller.ns, controller.scheduler_config_map);
    Dated config = co_await Read(std::move(path));
    if (!config.body) {
      facts_.scheduler_config = Fail(std::move(config.body).error());
    } else {
      facts_.scheduler_config = TextAt(*config.body, "data", controller.scheduler_config_key);
    }
  }

  Task<LeaseFacts> ReadLease(std::string what, std::string path) {
    LeaseFacts lease;
    lease.what = std::move(what);
    lease_paths_[lease.what] = path;
    Dated read = co_await Read(std::move(path));
    lease.lease = std::move(read.body);
    lease.server_time = read.date.value_or(client_.runtime().WallNow());
    co_return lease;
  }

  Task<void> ReadLeases() {
    if (!facts_.installation.controllers.empty()) {
      const Component& controller = facts_.installation.controller();
      const std::string ns = controller.Flag("leader-elect-resource-namespace", controller.ns);
      const std::string name = controller.Flag("leader-elect-resource-name", "spillway-controller");
      if (controller.Says("leader-elect", true) && !controller.Says("dry-run", false)) {
        std::string what = fmt::format("the leader's Lease {}/{}", ns, name), path = kube::LeasePath(ns, name);
        facts_.leader = co_await ReadLease(std::move(what), std::move(path));
      }
    }
    // Other people's virtual nodes need not have one.
    for (const Json* node : VirtualNodesOf(facts_)) {
      const std::string name = TextAt(*node, "metadata", "name");
      if (TextAt(*node, "metadata", "annotations", "spillway.io/provider").empty()) continue;
      std::string what = fmt::format("node {}'s Lease", name), path = kube::LeasePath("kube-node-lease", name);
      LeaseFacts lease = co_await ReadLease(std::move(what), std::move(path));
      facts_.node_leases.emplace(name, std::move(lease));
    }
  }

  // What seems late may be a clock that is behind: whether it is renewed tells.
  Task<void> LookAgain() {
    std::vector<LeaseFacts*> late;
    const auto add = [&late](LeaseFacts& facts) {
      if (facts.lease && LateBy(*facts.lease, facts.server_time)) late.push_back(&facts);
    };
    if (facts_.leader) add(*facts_.leader);
    for (auto& [node, lease] : facts_.node_leases) add(lease);
    if (late.empty()) co_return;
    co_await client_.runtime().SleepFor(options_.second_look);
    for (LeaseFacts* lease : late) {
      std::string path = lease_paths_.at(lease->what);
      Dated again = co_await Read(std::move(path));
      lease->later = std::move(again.body);
    }
  }

  Task<void> ReadWebhooks() {
    std::string path = kWebhooksPath;
    Objects configurations = co_await ListWhole(std::move(path));
    if (!configurations) {
      facts_.webhooks = Fail(std::move(configurations).error());
      co_return;
    }
    std::vector<WebhookFacts> ours;
    for (const Json& configuration : *configurations) {
      if (!IsSpillways(configuration)) continue;
      WebhookFacts webhook{configuration, {}};
      for (const Json& one : Items(At(configuration, "webhooks"))) {
        const Json& service = At(one, "clientConfig", "service");
        const std::string ns = TextAt(service, "namespace"), name = TextAt(service, "name");
        if (name.empty() || webhook.endpoint_slices.contains(ns + "/" + name)) continue;
        path = fmt::format("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", kube::UrlEncode(ns));
        std::string query = "labelSelector=" + kube::UrlEncode("kubernetes.io/service-name=" + name);
        Objects slices = co_await List(std::move(path), std::move(query));
        webhook.endpoint_slices.emplace(ns + "/" + name, std::move(slices));
      }
      ours.push_back(std::move(webhook));
    }
    facts_.webhooks = std::move(ours);
  }

  // The release's own, if it can be found.
  Task<ServiceName> FindService() {
    ServiceName service{facts_.installation.ns, "spillway", "metrics"};
    if (options_.service) co_return *options_.service;
    std::string path = fmt::format("/api/v1/namespaces/{}/services", kube::UrlEncode(service.ns));
    std::string query = "labelSelector=" + kube::UrlEncode("app.kubernetes.io/component=controller");
    Objects services = co_await List(std::move(path), std::move(query));
    if (!services) co_return service;
    for (const Json& one : *services) {
      if (IsSpillways(one) && !kube::Named(At(one, "spec", "ports"), "metrics").is_null()) {
        service.name = TextAt(one, "metadata", "name");
      }
    }
    co_return service;
  }

  Task<Result<std::string>> Scrape(kube::Transport* direct, std::string path) {
    kube::Request request;
    request.path = std::move(path);
    request.accept = "text/plain";
    Result<kube::Response> response = Fail(Code::kInternal, "");
    if (direct != nullptr) {
      response = co_await direct->Send(std::move(request));
    } else {
      response = co_await client_.Send(std::move(request));
    }
    if (!response) co_return Fail(std::move(response).error());
    if (response->status != 200) co_return Fail(kube::ToError(*response));
    co_return std::move(response->body);
  }

  Task<void> ReadMetrics() {
    if (facts_.installation.controllers.empty()) co_return;
    const ServiceName service = co_await FindService();
    const std::string proxy =
        fmt::format("/api/v1/namespaces/{}/services/http:{}:{}/proxy", kube::UrlEncode(service.ns),
                    kube::UrlEncode(service.name), kube::UrlEncode(service.port));
    for (int tries = 0; tries < kScrapes; ++tries) {
      std::string path = (options_.direct != nullptr ? "" : proxy) + "/metrics";
      facts_.metrics = co_await Scrape(options_.direct, std::move(path));
      // Only who leads compares, and knows of modes. Without election there is no such sample.
      if (!facts_.metrics || SampleOf(*facts_.metrics, "leader_election_master_status", "").value_or(1) == 1) co_return;
    }
  }

  Task<void> Dial(std::string provider, std::string url) {
    std::string to = url;
    Status reached = co_await options_.dial(std::move(to));
    facts_.clouds.push_back({std::move(provider), std::move(url), std::move(reached)});
  }

  Task<void> DialClouds() {
    std::set<std::pair<std::string, std::string>> dials;
    for (const Component& agent : facts_.installation.virtual_nodes) {
      const std::string provider = agent.Flag("provider", "");
      if (!IsCloud(provider)) continue;
      dials.emplace(provider, IsAlibaba(provider) ? agent.Flag("eci-endpoint", FLAGS_eci_endpoint)
                                                  : agent.Flag("eksci-endpoint", FLAGS_eksci_endpoint));
    }
    for (const auto& dial : dials) {
      std::string provider = dial.first, url = dial.second;
      co_await Dial(std::move(provider), std::move(url));
    }
  }

  Task<void> ReadNetwork() {
    std::vector<std::string> nodes;
    for (const Json* node : VirtualNodesOf(facts_)) {
      if (!IsCloud(TextAt(*node, "metadata", "annotations", "spillway.io/provider"))) continue;
      nodes.push_back(TextAt(*node, "metadata", "name"));
    }
    co_await DialClouds();
    if (nodes.empty() && facts_.clouds.empty()) co_return;
    std::string path = "/apis/apps/v1/daemonsets";
    facts_.daemon_sets = co_await ListWhole(std::move(path));
    path = "/apis/crd.projectcalico.org/v1/ippools";
    facts_.calico_pools = co_await ListWhole(std::move(path));
    path = "/api/v1/namespaces/default/services/kubernetes";
    Dated service = co_await Read(std::move(path));
    facts_.kubernetes_service = std::move(service.body);
    nodes.resize(std::min(nodes.size(), kMostSampledNodes));
    std::vector<Json> pods;
    for (const std::string& node : nodes) {
      path = kube::kPodsPath;
      std::string query = "fieldSelector=" + kube::UrlEncode("spec.nodeName=" + node);
      Objects there = co_await List(std::move(path), std::move(query));
      if (there) pods.insert(pods.end(), there->begin(), there->end());
    }
    facts_.virtual_pods = std::move(pods);
  }

  Task<Reviewed> Review(std::string whom, Component component, std::vector<NeededAccess> needed) {
    Reviewed reviewed;
    reviewed.whom = std::move(whom);
    if (component.account.empty()) co_return reviewed;
    const kube::Subject subject = kube::Subject::ServiceAccount(component.ns, component.account);
    reviewed.subject = subject.user;
    for (const NeededAccess& one : needed) {
      kube::Access access = one.access;
      Result<bool> may = false;
      if (subject.user == self_) {
        may = co_await kube::MayI(client_, std::move(access));
      } else {
        kube::Subject whose = subject;
        may = co_await kube::May(client_, std::move(whose), std::move(access));
      }
      const bool is_refused = !may;
      reviewed.answers.emplace_back(one, std::move(may));
      if (is_refused) break;  // whoever may not ask once may not ask again
    }
    co_return reviewed;
  }

  Task<void> ReviewAll() {
    Json review = {{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "SelfSubjectReview"}};
    std::string path = kSelfPath;
    Result<Json> self = co_await client_.Create(std::move(path), std::move(review));
    if (self) self_ = TextAt(*self, "status", "userInfo", "username");
    if (!facts_.installation.controllers.empty()) {
      const Component& controller = facts_.installation.controller();
      std::string whom = "controller";
      Component component = controller;
      std::vector<NeededAccess> needed = AccessNeededByController(controller);
      Reviewed reviewed = co_await Review(std::move(whom), std::move(component), std::move(needed));
      facts_.reviewed.push_back(std::move(reviewed));
    }
    for (const Component& agent : facts_.installation.virtual_nodes) {
      std::string whom = agent.name.empty() ? "agents" : "agents of " + agent.name;
      Component component = agent;
      std::vector<NeededAccess> needed = AccessNeededByAgent(agent);
      Reviewed reviewed = co_await Review(std::move(whom), std::move(component), std::move(needed));
      co_await FindPodInputNamespaces(agent, reviewed);
      facts_.reviewed.push_back(std::move(reviewed));
    }
  }

  // virtualNodes.podNamespaces: RoleBindings take the place of the ClusterRoleBinding.
  Task<void> FindPodInputNamespaces(const Component& agent, Reviewed& reviewed) {
    const bool everywhere = std::all_of(reviewed.answers.begin(), reviewed.answers.end(),
                                        [](const auto& answer) { return answer.second.value_or(true); });
    if (everywhere) co_return;
    std::string path = kRoleBindingsPath;
    Objects bindings = co_await ListWhole(std::move(path));
    if (!bindings) co_return;
    for (const Json& binding : *bindings) {
      const Json& subject = kube::Named(At(binding, "subjects"), agent.account);
      const bool is_ours = TextAt(subject, "kind") == "ServiceAccount" && TextAt(subject, "namespace") == agent.ns;
      if (!is_ours || !TextAt(binding, "roleRef", "name").ends_with("pod-inputs")) continue;
      reviewed.pod_input_namespaces.push_back(TextAt(binding, "metadata", "namespace"));
    }
  }

  kube::Client& client_;
  GatherOptions options_;
  Facts facts_;
  std::string self_;
  std::map<std::string, std::string> lease_paths_;  // by LeaseFacts::what
};

}  // namespace

Task<Result<Facts>> Gather(kube::Client& client, GatherOptions options) {
  Examination examination(client, std::move(options));
  Result<Facts> facts = co_await examination.Run();
  co_return facts;
}

}  // namespace spillway::cmd::doctor
