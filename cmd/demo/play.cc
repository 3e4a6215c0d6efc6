#include "cmd/demo/play.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "cmd/demo/manifests.h"
#include "cmd/demo/table.h"
#include "sandbox/standins/objects.h"

namespace spillway::cmd {
namespace {

using sandbox::Json;

constexpr Duration kLimit = std::chrono::seconds(60);
constexpr Duration kPiLimit = std::chrono::seconds(180);
constexpr std::size_t kPiDigits = 2000;

std::map<std::string, int> PerNode(const std::vector<Json>& pods) {
  std::map<std::string, int> counts;
  for (const Json& pod : pods) ++counts[sandbox::NodeOf(pod)];
  return counts;
}

}  // namespace

DemoPlay::DemoPlay(Runtime& runtime, DemoCluster& cluster, Narrator& narrator)
    : runtime_(runtime), cluster_(cluster), narrator_(narrator) {}

Task<void> DemoPlay::Run() {
  co_await PlayW1();
  co_await PlayW2();
  co_await PlayW3();
  co_await PlayFreeSlots();
  narrator_.End();
}

Task<void> DemoPlay::PlayW1() {
  narrator_.Begin("W1: a Deployment outgrows the only real node (4 CPU, 8 GiB, almost full)");
  const std::string virtual_node = "virtual-kubelet-cn-beijing-g";
  cluster_.sandbox().AddRealNode("cn-beijing.192.168.0.1", "4", "8Gi", 110);
  if (!co_await AddNode(virtual_node, DemoCluster::ProviderKind::kSimulated)) co_return;
  CreateNamespace("busy");
  Apply("w1-filler", "busy");
  co_await Await("the real node's own Pods run", kLimit, [this] { return AllReady("busy", 3); });
  Apply("w1-nginx-autoscaler", "default");
  co_await Await("all four replicas run", kLimit, [this] { return AllReady("default", 4); });
  co_await ShowPods("default");
  const std::vector<Json> pods = Pods("default");
  Expect(PerNode(pods) == std::map<std::string, int>{{virtual_node, 4}},
         "W1: all four replicas are on the virtual node");
  CheckExplained("default");
  if (!pods.empty()) ShowEvents("default", sandbox::ObjectName(pods.front()));
  narrator_.End();
  (void)cluster_.sandbox().store().Delete("deployments.apps", "default", "nginx-autoscaler");
  co_await DeleteNamespace("busy");
  co_await Await("W1's Pods are gone", kLimit, [this] { return Pods("").empty(); });
  cluster_.RemoveVirtualNode(virtual_node);
}

Task<void> DemoPlay::PlayW2() {
  narrator_.Begin("W2: a Job of 16 CPU and 32 GiB beside two real nodes of 4 CPU and 8 GiB computes pi");
  cluster_.sandbox().AddRealNode("cn-beijing.192.168.0.2", "4", "8Gi", 110);
  if (!co_await AddNode("virtual-kubelet", DemoCluster::ProviderKind::kProcess)) co_return;
  CreateNamespace("vk");
  Apply("w2-job-pi", "vk");
  co_await Await("the Job completes; it needs perl with its bignum module (Debian: apt-get install perl)", kPiLimit,
                 [this] {
                   const auto job = cluster_.sandbox().store().Get("jobs.batch", "vk", "pi");
                   return job && sandbox::Text(sandbox::FindCondition(*job, "Complete"), {"status"}) == "True";
                 });
  co_await ShowPods("vk");
  const std::vector<Json> pods = Pods("vk");
  Expect(pods.size() == 1 && sandbox::PhaseOf(pods.front()) == "Succeeded", "W2: the Pod is Completed");
  Expect(PerNode(pods).contains("virtual-kubelet"), "W2: it ran on the virtual node");
  CheckExplained("vk");
  std::string log;
  if (!pods.empty()) log = co_await FetchLog("vk", sandbox::ObjectName(pods.front()));
  if (cluster_.runs_commands()) {
    ShowPi(log);
  } else {
    narrator_.Print("\n" + log + "\n\n");
    Expect(log == "pi line 0", "W2: the log is the emulator's");
  }
  narrator_.End();
  co_await DeleteNamespace("vk");
  cluster_.RemoveVirtualNode("virtual-kubelet");
}

Task<void> DemoPlay::PlayW3() {
  narrator_.Begin("W3: ten replicas that fit nowhere spread over three virtual nodes");
  for (int i = 0; i < 3; ++i) {
    if (!co_await AddNode(fmt::format("virtual-kubelet-{}", i), DemoCluster::ProviderKind::kSimulated)) co_return;
  }
  CreateNamespace("spread");
  Apply("w3-spread", "spread");
  co_await Await("all ten replicas run", kLimit, [this] { return AllReady("spread", 10); });
  co_await ShowPods("spread");
  std::vector<int> counts;
  for (const auto& [node, count] : PerNode(Pods("spread"))) counts.push_back(count);
  std::sort(counts.begin(), counts.end());
  Expect(counts == std::vector<int>{3, 3, 4}, "W3: the spread over the virtual nodes is 4, 3 and 3");
  CheckExplained("spread");
}

Task<void> DemoPlay::PlayFreeSlots() {
  narrator_.Begin("W3, free slots: ten equal replicas, of which four fit the two real nodes");
  CreateNamespace("slots");
  Apply("w3-free-slots", "slots");
  co_await Await("all ten replicas run", kLimit, [this] { return AllReady("slots", 10); });
  co_await ShowPods("slots");
  int local = 0, onto_virtual = 0;
  for (const auto& [node, count] : PerNode(Pods("slots")))
    (node.starts_with("virtual-kubelet") ? onto_virtual : local) += count;
  Expect(local == 4 && onto_virtual == 6, "W3: exactly 4 replicas are local and 6 on virtual nodes");
  CheckExplained("slots");
}

Task<bool> DemoPlay::Await(std::string what, Duration limit, std::function<bool()> done) {
  const Instant end = runtime_.Now() + limit;
  while (!done()) {
    if (runtime_.Now() >= end) {
      Expect(false, fmt::format("{} (within {})", what, base::FormatDuration(limit)));
      co_return false;
    }
    co_await runtime_.SleepFor(50ms);
  }
  co_return true;
}

Task<bool> DemoPlay::AddNode(std::string name, DemoCluster::ProviderKind kind) {
  const Status added = cluster_.AddVirtualNode(name, kind);
  Expect(added.has_value(), "virtual node " + name + (added ? "" : ": " + added.error().message));
  if (!added) co_return false;
  std::function<bool()> ready = [this, name] { return cluster_.IsNodeReady(name); };
  co_return co_await Await("virtual node " + name + " is Ready", kLimit, std::move(ready));
}

bool DemoPlay::Apply(const std::string& manifest, const std::string& ns) {
  narrator_.Step(fmt::format("kubectl -n {} apply -f manifests/walkthrough/{}.yaml", ns, manifest));
  const Status applied = cluster_.sandbox().Apply(WalkthroughManifests().at(manifest), ns);
  Expect(applied.has_value(), manifest + ".yaml is accepted" + (applied ? "" : ": " + applied.error().message));
  return applied.has_value();
}

void DemoPlay::CreateNamespace(const std::string& ns) {
  (void)cluster_.sandbox().store().Create("namespaces", {{"metadata", {{"name", ns}}}});
}

Task<void> DemoPlay::DeleteNamespace(std::string ns) {
  (void)cluster_.sandbox().store().Delete("namespaces", "", ns);
  std::function<bool()> gone = [this, ns] { return !cluster_.sandbox().store().Get("namespaces", "", ns); };
  co_await Await("namespace " + ns + " is gone", kLimit, std::move(gone));
}

Task<void> DemoPlay::ShowPods(std::string ns) {
  narrator_.Step(fmt::format("kubectl -n {} get pods -o wide", ns));
  auto table = co_await FetchTable(cluster_.admin(), fmt::format("/api/v1/namespaces/{}/pods?limit=500", ns));
  narrator_.Print(table ? "\n" + *table + "\n" : "");
  Expect(table.has_value(), "the table of Pods" + (table ? "" : ": " + table.error().message));
}

Task<std::string> DemoPlay::FetchLog(std::string ns, std::string pod) {
  narrator_.Step(fmt::format("kubectl -n {} logs {}", ns, pod));
  kube::Request request;
  request.path = fmt::format("/api/v1/namespaces/{}/pods/{}/log", ns, pod);
  auto response = co_await cluster_.admin().Send(std::move(request));
  std::string text = response && response->status == 200 ? response->body : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  co_return text;
}

void DemoPlay::ShowPi(const std::string& log) {
  const auto digits =
      static_cast<std::size_t>(std::count_if(log.begin(), log.end(), [](char c) { return c >= '0' && c <= '9'; }));
  if (log.size() > 60)
    narrator_.Print(fmt::format("\n{}...{}  ({} digits)\n\n", log.substr(0, 32), log.substr(log.size() - 30), digits));
  Expect(digits == kPiDigits && log.starts_with("3.14159265358979"), "W2: the log shows pi to 2000 digits");
}

void DemoPlay::ShowEvents(const std::string& ns, const std::string& pod) {
  narrator_.Step(fmt::format("kubectl -n {} describe pod {}   (its Events)", ns, pod));
  sandbox::ListOptions options;
  options.ns = ns;
  auto events = cluster_.sandbox().store().List("events", options);
  if (!events) return;
  std::sort(events->begin(), events->end(), [](const Json& a, const Json& b) {
    return std::stoull("0" + sandbox::Text(a, {"metadata", "resourceVersion"})) <
           std::stoull("0" + sandbox::Text(b, {"metadata", "resourceVersion"}));
  });
  std::string text = "\n";
  for (const Json& event : *events) {
    if (sandbox::Text(event, {"involvedObject", "name"}) != pod) continue;
    const std::string source = sandbox::Text(event, {"source", "component"});
    text += fmt::format("  {:<8} {:<18} {:<24} {}\n", sandbox::Text(event, {"type"}), sandbox::Text(event, {"reason"}),
                        source.empty() ? sandbox::Text(event, {"reportingComponent"}) : source,
                        sandbox::Text(event, {"message"}));
  }
  narrator_.Print(text + "\n");
}

std::vector<Json> DemoPlay::Pods(const std::string& ns) const {
  sandbox::ListOptions options;
  options.ns = ns;
  auto pods = cluster_.sandbox().store().List("pods", options);
  return pods ? std::move(*pods) : std::vector<Json>();
}

bool DemoPlay::AllReady(const std::string& ns, std::size_t count) const {
  const std::vector<Json> pods = Pods(ns);
  return pods.size() == count && std::all_of(pods.begin(), pods.end(), sandbox::IsPodReady);
}

// Each Pod that was moved says why, under the same id in annotation and event.
void DemoPlay::CheckExplained(const std::string& ns) {
  sandbox::ListOptions options;
  options.ns = ns;
  const auto events = cluster_.sandbox().store().List("events", options);
  for (const Json& pod : Pods(ns)) {
    if (!sandbox::NodeOf(pod).starts_with("virtual-kubelet")) continue;
    const std::string id = sandbox::Text(pod, {"metadata", "annotations", "spillway.io/decision-id"});
    const bool told = events && std::any_of(events->begin(), events->end(), [&](const Json& event) {
                        return sandbox::Text(event, {"involvedObject", "uid"}) == sandbox::UidOf(pod) &&
                               sandbox::Text(event, {"message"}).ends_with("decision=" + id);
                      });
    Expect(!id.empty() && told, sandbox::ObjectName(pod) + " is explained by its decision id, in annotation and event");
  }
}

void DemoPlay::Expect(bool holds, const std::string& what) {
  if (holds) return;
  failures_.push_back(what);
  narrator_.Print(fmt::format("  FAILED   {}\n", what));
}

}  // namespace spillway::cmd
