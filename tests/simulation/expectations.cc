#include "tests/simulation/expectations.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "sandbox/standins/objects.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;

class Checker {
 public:
  Checker(const World& world, const Ending& ending) : world_(world), ending_(ending) {
    for (const auto& [key, pod] : world_.cluster().caches().Of("pods").all()) {
      if (sandbox::IsPodTerminal(pod)) continue;
      live_.push_back(&pod);
    }
  }

  std::vector<std::string> Run() {
    for (const std::string& failure : world_.step_failures()) Fail("step", failure);
    CheckBinds();
    CheckInstances();
    CheckExplanations();
    if (const std::int64_t differ = world_.Agreements("differ"); differ != 0)
      Fail("agreement", fmt::format("{} messages of kube-scheduler differ from ours", differ));
    if (world_.history().rejected_by_kubelet() > 0)
      Fail("real nodes", fmt::format("{} Pods rejected by a kubelet", world_.history().rejected_by_kubelet()));
    for (const Line& line : world_.scenario().expectations) CheckLine(line);
    return std::move(failures_);
  }

 private:
  void Fail(std::string_view what, std::string_view why) { failures_.push_back(fmt::format("{}: {}", what, why)); }

  bool IsVirtual(const std::string& node_name) const {
    const Json* node = world_.cluster().caches().Of("nodes").Find(node_name);
    return node != nullptr && sandbox::Text(*node, {"metadata", "labels", "type"}) == "virtual-kubelet";
  }

  void CheckBinds() {
    for (const std::string& line : world_.history().moved_that_fits()) Fail("nothing-moved-that-fits", line);
    for (const std::string& line : world_.history().moved_ineligible()) Fail("only-eligible-moved", line);
    for (const std::string& line : world_.history().bound_twice()) Fail("never-bound-twice", line);
  }

  void CheckInstances() {
    for (const std::string& line : world_.cloud().violations()) Fail("one-instance-per-live-pod", line);
    std::map<std::string, int> instances;
    for (const cloud::Instance& instance : world_.cloud().Instances()) ++instances[instance.identity.pod_uid];
    std::set<std::string> known;
    for (const auto& [key, pod] : world_.cluster().caches().Of("pods").all()) {
      if (!IsVirtual(sandbox::NodeOf(pod))) continue;
      known.insert(sandbox::UidOf(pod));
      const int count = instances.contains(sandbox::UidOf(pod)) ? instances[sandbox::UidOf(pod)] : 0;
      if (sandbox::IsPodActive(pod) && sandbox::PhaseOf(pod) == "Running" && count != 1)
        Fail("one-instance-per-live-pod", fmt::format("{} has {} instances", key, count));
    }
    for (const auto& [uid, count] : instances) {
      if (!known.contains(uid)) Fail("no-orphans", fmt::format("{} instances of the Pod {} that is gone", count, uid));
    }
  }

  // Ids in the events of one reason, by the UID of their Pod.
  std::map<std::string, std::set<std::string>> EventIds(std::string_view reason) const {
    std::map<std::string, std::set<std::string>> ids;
    for (const auto& [key, event] : world_.cluster().caches().Of("events").all()) {
      if (sandbox::At(event, {"reason"}) != reason) continue;
      std::string note = sandbox::Text(event, {"message"});
      const std::size_t at = note.find("decision=");
      ids[sandbox::Text(event, {"involvedObject", "uid"})].insert(at == std::string::npos ? "" : note.substr(at + 9));
    }
    return ids;
  }

  void CheckExplanations() {
    const auto in_events = EventIds("OverflowScheduled");
    const auto in_logs = world_.DecisionIds();
    for (const BindRecord& bind : world_.history().binds()) {
      if (bind.decision.empty()) continue;
      const auto event = in_events.find(bind.uid);
      const auto logged = in_logs.find(bind.uid);
      // A process that is killed, or an API that fails, may lose what was not yet told; it may not tell otherwise.
      if (event == in_events.end() || logged == in_logs.end()) {
        if (!world_.had_faults()) Fail("explained", bind.key + " was moved without event or without decision log");
      }
      if (event != in_events.end() && event->second != std::set<std::string>{bind.decision})
        Fail("explained",
             fmt::format("{}: annotation says {}, event {}", bind.key, bind.decision, *event->second.begin()));
      if (logged != in_logs.end() && !logged->second.contains(bind.decision))
        Fail("explained",
             fmt::format("{}: annotation says {}, decision log {}", bind.key, bind.decision, *logged->second.begin()));
    }
  }

  void CheckLine(const Line& line) {
    const std::string what = line.Word(0);
    if (what == "settled") return CheckSettled(line);
    if (what == "split") return CheckSplit(line);
    if (what == "spread") return CheckSpread(line);
    if (what == "on") return CheckNode(line);
    if (what == "pending") return CheckPending(line);
    if (what == "event" || what == "no-event") return CheckEvents(line);
    if (what == "agreed") return CheckAgreed(line);
    if (what == "dry-run-writes-nothing") {
      for (const std::string& write : world_.controller_writes()) Fail(what, write);
      return;
    }
    static const std::set<std::string> always = {"nothing-moved-that-fits",
                                                 "only-eligible-moved",
                                                 "never-bound-twice",
                                                 "one-instance-per-live-pod",
                                                 "no-orphans",
                                                 "explained",
                                                 "agreement"};
    if (!always.contains(what)) Fail("expect", fmt::format("line {}: unknown expectation \"{}\"", line.number, what));
  }

  void CheckSettled(const Line& line) {
    const Duration within = line.Time("within", 60s);
    if (!ending_.settled) {
      Fail("settled", fmt::format("not within {}: {}", base::FormatDuration(world_.scenario().length), Unsettled()));
    } else if (ending_.settled_after > within) {
      Fail("settled", fmt::format("after {}, expected within {}", base::FormatDuration(ending_.settled_after),
                                  base::FormatDuration(within)));
    }
  }

  std::string Unsettled() const {
    std::string text;
    int shown = 0;
    for (const Json* pod : live_) {
      if (sandbox::IsPodReady(*pod) && !sandbox::IsTerminating(*pod)) continue;
      if (++shown > 5) return text + "...";
      text += fmt::format("{} is {} on \"{}\"{}; ", sandbox::ObjectName(*pod), sandbox::PhaseOf(*pod),
                          sandbox::NodeOf(*pod), sandbox::IsTerminating(*pod) ? ", terminating" : "");
    }
    return text.empty() ? "the Pods are, their owners are not" : text;
  }

  std::map<std::string, std::int64_t> PerNode(const std::string& ns) const {
    std::map<std::string, std::int64_t> counts;
    for (const Json* pod : live_) {
      if (!ns.empty() && sandbox::NamespaceOf(*pod) != ns) continue;
      if (!sandbox::NodeOf(*pod).empty()) ++counts[sandbox::NodeOf(*pod)];
    }
    return counts;
  }

  void CheckSplit(const Line& line) {
    std::int64_t local = 0, onto_virtual = 0;
    for (const auto& [node, count] : PerNode(line.Text("namespace"))) (IsVirtual(node) ? onto_virtual : local) += count;
    if (line.options.contains("local") && local != line.Number("local", 0))
      Fail("split", fmt::format("{} Pods on real nodes, expected {}", local, line.Number("local", 0)));
    if (line.options.contains("virtual") && onto_virtual != line.Number("virtual", 0))
      Fail("split", fmt::format("{} Pods on virtual nodes, expected {}", onto_virtual, line.Number("virtual", 0)));
  }

  void CheckSpread(const Line& line) {
    std::map<std::string, std::int64_t> counts;
    for (const auto& [name, node] : world_.cluster().caches().Of("nodes").all()) {
      if (IsVirtual(name)) counts[name] = 0;
    }
    for (const auto& [node, count] : PerNode(line.Text("namespace"))) {
      if (IsVirtual(node)) counts[node] = count;
    }
    if (counts.empty()) return Fail("spread", "there is no virtual node");
    std::string text;
    std::int64_t least = counts.begin()->second, most = least;
    for (const auto& [node, count] : counts) {
      least = std::min(least, count);
      most = std::max(most, count);
      text += fmt::format("{}={} ", node, count);
    }
    if (most - least > std::stoll("0" + line.Word(1))) Fail("spread", text);
  }

  void CheckNode(const Line& line) {
    const auto counts = PerNode(line.Text("namespace"));
    const auto found = counts.find(line.Text("node"));
    const std::int64_t count = found == counts.end() ? 0 : found->second;
    if (count != line.Number("count", 0))
      Fail("on " + line.Text("node"), fmt::format("{} Pods, expected {}", count, line.Number("count", 0)));
  }

  void CheckPending(const Line& line) {
    const auto pending = std::count_if(live_.begin(), live_.end(), [](const Json* pod) {
      return sandbox::NodeOf(*pod).empty() && !sandbox::IsTerminating(*pod);
    });
    if (pending != line.Number("count", 0))
      Fail("pending", fmt::format("{} Pods, expected {}", pending, line.Number("count", 0)));
  }

  void CheckAgreed(const Line& line) {
    const std::int64_t agreed = world_.Agreements("agree"), expected = line.Number("count", 1);
    if (agreed < expected) Fail("agreed", fmt::format("{} messages, expected {}", agreed, expected));
  }

  void CheckEvents(const Line& line) {
    const std::string reason = line.Text("reason");
    std::set<std::string> pods;
    for (const auto& [key, event] : world_.cluster().caches().Of("events").all()) {
      if (sandbox::At(event, {"reason"}) == reason) pods.insert(sandbox::Text(event, {"involvedObject", "uid"}));
    }
    const auto count = static_cast<std::int64_t>(pods.size());
    if (line.Word(0) == "no-event" && count > 0) Fail("no-event " + reason, fmt::format("{} Pods have one", count));
    if (line.Word(0) == "event" && count < line.Number("count", 1))
      Fail("event " + reason, fmt::format("{} Pods have one, expected {}", count, line.Number("count", 1)));
  }

  const World& world_;
  const Ending& ending_;
  std::vector<const Json*> live_;
  std::vector<std::string> failures_;
};

}  // namespace

std::vector<std::string> Check(const World& world, const Ending& ending) { return Checker(world, ending).Run(); }

}  // namespace spillway::simulation
