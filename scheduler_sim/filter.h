#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler_sim/model/model.h"
#include "scheduler_sim/objection.h"
#include "scheduler_sim/verdict.h"

namespace spillway::sim {

// Counts why nodes were rejected, reason by reason.
class Tally {
 public:
  void Add(std::string_view reason, std::int64_t nodes);
  // NodeResourcesFit rejected a node.
  void NoteShortage() { short_of_resources_ = true; }
  // kube-scheduler itself fails on a node that it gets to: it says SchedulerError and tries again.
  void NoteError(std::string_view what) {
    if (error_.empty()) error_ = what;
  }

  const std::vector<ReasonCount>& counts() const { return counts_; }
  bool short_of_resources() const { return short_of_resources_; }
  const std::string& error() const { return error_; }

 private:
  std::vector<ReasonCount> counts_;  // in order of first appearance
  bool short_of_resources_ = false;
  std::string error_;
};

// What a filter is asked: a kind of Pod, against the cluster with this much of it in use.
struct Question {
  const Cluster::Model& model;
  const Usage& usage;
  const PodClass& pod;
  // Of the nodes asked about; where other Pods are counted goes by nodes as they are.
  Suppose suppose = Suppose::kNothing;

  const Profile& profile() const { return model.profiles[pod.profile]; }
};

// What a filter can say before it looks at single nodes.
struct PreFilterResult {
  std::string rejection;         // not empty: no node will do, and this is the one reason
  std::optional<NodeSet> nodes;  // only these can do; the rest are rejected in the filter's name
  std::string error;             // not empty: kube-scheduler itself fails, see Tally::NoteError
};

// One of kube-scheduler's filter plugins. Stateless: what it knows is in the Question.
class Filter {
 public:
  // What a verdict on a node depends on besides Pod and Node objects.
  enum class Scope : std::uint8_t {
    kObjects,   // nothing
    kVolumes,   // what volumes Pods use, anywhere; only for Pods with volumes
    kNode,      // what the Pods on this node use
    kTopology,  // where Pods are, on other nodes too
  };

  virtual ~Filter() = default;
  virtual Scope scope() const = 0;
  // The plugin's name, as in kube-scheduler's configuration and messages.
  virtual std::string_view name() const = 0;

  // It looks at volumes alone, and lets Pods pass that have none.
  virtual bool is_about_volumes() const { return false; }
  // It keeps Pods off nodes for an outage, among other things.
  virtual bool is_about_outages() const { return false; }
  // It rejects nodes for what they lack.
  virtual bool is_about_resources() const { return false; }
  // kube-scheduler may let some nodes pass that it rejects: it goes by what nobody else can know.
  virtual bool may_err(const Question&) const { return false; }
  // Those of the nodes it rejected, if it may err.
  virtual NodeSet Doubtful(const Question&, const NodeSet& /*rejected*/) const { return {}; }

  virtual PreFilterResult PreFilter(const Question&) const { return {}; }
  // Takes the nodes it rejects out of `alive` and counts why. Cost: words of a bitset, or columns of integers; never
  // objects.
  virtual void Narrow(const Question& question, NodeSet& alive, Tally& tally) const = 0;
  // True when Narrow() would leave `node` in.
  virtual bool Admits(const Question& question, NodeIndex node) const = 0;
  // Why `node` is rejected, in kube-scheduler's words. Precondition: !Admits(question, node).
  virtual std::vector<std::string> Explain(const Question& question, NodeIndex node) const = 0;
  // Everything it has against `node`, with numbers, for people: at least one objection for each reason of Explain().
  // By default the reasons alone. Precondition: !Admits(question, node).
  virtual std::vector<Objection> Object(const Question& question, NodeIndex node) const;
};

// All filters, in kube-scheduler's default order; which of them a Pod meets, and in what order, is up to its profile
// (Question::profile). NodeName is not among them: it can only reject Pods that have a node already, and those are not
// pending.
std::span<const Filter* const> Filters();
// Those of the Pod's profile that can reject it: not the volume filters when it uses no volume that they look at.
const std::vector<const Filter*>& FiltersFor(const Question& question);
const std::vector<const Filter*>& PreFiltersFor(const Question& question);

// All nodes of a domain at once, by all filters whose scope is at most `scope`.
struct Evaluation {
  NodeSet feasible;
  NodeSet doubtful;  // not feasible, but only a filter that may err about them has something against them
  Tally tally;
  std::string rejection;
  std::string error;  // not empty: kube-scheduler itself fails on the Pod, and there is no verdict
};
Evaluation Evaluate(const Question& question, const NodeSet& domain, Filter::Scope scope = Filter::Scope::kTopology);

// One node, by the filters of exactly this scope; PreFilter results aside.
bool Admits(const Question& question, NodeIndex node, Filter::Scope scope);
// No filter has anything against the node but one that may err about it; PreFilter results aside.
bool MayAdmit(const Question& question, NodeIndex node);

}  // namespace spillway::sim
