#include "tests/simulation/expectations.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "sandbox/standins/objects.h"
#include "tests/simulation/end_state.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;

constexpr Duration kTimeToTell = std::chrono::seconds(10);     // from a bind to its event
constexpr Duration kTimeToDribble = std::chrono::seconds(60);  // where few requests a second are allowed
constexpr Duration kPatience = std::chrono::seconds(90);       // of a Pod that fits nowhere, without faults

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
    for (const Wrong& wrong : WrongAtTheEnd(world_)) Fail(wrong.what, wrong.why);
    CheckExplanations();
    CheckPatience();
    for (const Wrong& wrong : world_.deeds().wrong) Fail(wrong.what, wrong.why);
    for (const Wrong& wrong : world_.policies().Judge(world_.history().binds())) Fail(wrong.what, wrong.why);
    for (const std::string& line : world_.promptness().late()) Fail("moved-soon", line);
    for (const std::string& line : world_.SlowHandOvers()) Fail("hand-over", line);
    for (const Wrong& wrong : world_.hosting().wrong()) Fail(wrong.what, wrong.why);
    for (const Wrong& wrong : world_.registration().wrong()) Fail(wrong.what, wrong.why);
    // Who sees the past hears kube-scheduler speak of something else, unless past and present are alike.
    for (const std::string& line : world_.unexplained_differences()) Fail("agreement", line);
    if (const std::int64_t differ = world_.Agreements("differ");
        differ != 0 && world_.LongestStaleness() == Duration(0))
      Fail("agreement", fmt::format("{} messages of kube-scheduler differ from ours", differ));
    // A scheduler whose answers got lost, and a kubelet that was silent, each know less than the other.
    if (world_.history().rejected_by_kubelet() > 0 && world_.FaultsFired().empty())
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
    for (const std::string& line : world_.history().unevenly()) Fail("shared-out-evenly", line);
  }

  // What the events of one reason say, by the UID of their Pod and the id of the decision.
  using Notes = std::map<std::string, std::map<std::string, std::string>>;
  Notes NotesOf(std::string_view reason) const {
    Notes notes;
    for (const auto& [key, event] : world_.cluster().caches().Of("events").all()) {
      if (sandbox::At(event, {"reason"}) != reason) continue;
      std::string note = sandbox::Text(event, {"message"});
      const std::size_t at = note.find("decision=");
      const std::string id = at == std::string::npos ? "" : note.substr(at + 9);
      notes[sandbox::Text(event, {"involvedObject", "uid"})][id] = std::move(note);
    }
    return notes;
  }

  // The event of a bind says what its annotations say, and nothing else was told of the Pod.
  void CheckEvent(const BindRecord& bind, const std::map<std::string, std::string>& notes) {
    const auto& [id, note] = *notes.begin();
    if (notes.size() > 1 || id != bind.decision)
      return Fail("explained", fmt::format("{}: annotation says {}, event {}", bind.key, bind.decision, id));
    if (note.find("to virtual node " + bind.node + " ") == std::string::npos ||
        note.find(bind.reason) == std::string::npos)
      Fail("explained",
           fmt::format("{} was moved to {}, \"{}\"; its event says: {}", bind.key, bind.node, bind.reason, note));
  }

  void CheckExplanations() {
    const Notes in_events = NotesOf("OverflowScheduled");
    const auto in_logs = world_.DecisionIds();
    for (const BindRecord& bind : world_.history().binds()) {
      if (bind.decision.empty()) continue;
      const auto event = in_events.find(bind.uid);
      const auto logged = in_logs.find(bind.uid);
      if (event != in_events.end()) CheckEvent(bind, event->second);
      if (logged != in_logs.end() && !logged->second.contains(bind.decision))
        Fail("explained",
             fmt::format("{}: annotation says {}, decision log {}", bind.key, bind.decision, *logged->second.begin()));
      // Whoever dies at once may not have told yet; and a Pod that is gone tells nothing of a bind without an answer.
      const SentBind* sent = world_.deeds().Find(bind.uid, bind.decision);
      if (sent == nullptr) continue;
      const Instant until = sent->is_known ? Instant::max() : bind.deleted.value_or(Instant::max());
      const bool is_slow = world_.scenario().controller.options.contains("qps");
      const Duration needed = is_slow ? kTimeToDribble : kTimeToTell;
      if (world_.UndisturbedLife(sent->life, bind.when, until) < needed) continue;
      if (event == in_events.end() || logged == in_logs.end())
        Fail("explained",
             fmt::format("{} was moved without {}", bind.key, event == in_events.end() ? "event" : "decision log"));
    }
  }

  void CheckPatience() {
    if (world_.is_dry_run() || world_.has_policies()) return;
    for (const std::string& line : world_.history().LeftBehind(kPatience)) Fail("nothing-left-behind", line);
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
      for (const std::string& write : world_.deeds().writes) Fail(what, write);
      return;
    }
    static const std::set<std::string> always = {"nothing-moved-that-fits",
                                                 "only-eligible-moved",
                                                 "never-bound-twice",
                                                 "one-instance-per-live-pod",
                                                 "no-orphans",
                                                 "status-is-instance",
                                                 "pods-go",
                                                 "registered",
                                                 "node-comes-back",
                                                 "address-stays",
                                                 "explained",
                                                 "nothing-left-behind",
                                                 "moved-soon",
                                                 "shared-out-evenly",
                                                 "no-bind-after-the-deadline",
                                                 "one-leader",
                                                 "one-bind-at-a-time",
                                                 "bound-as-it-was-judged",
                                                 "hand-over",
                                                 "ended-is-ended",
                                                 "lost-is-lost",
                                                 "instance-goes-first",
                                                 "the-living-stay",
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
