#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "sandbox/standins/objects.h"

namespace spillway::sandbox {

// Where a Pod fits: what the Scheduler stand-in asks. `spillway demo` asks the simulator (simulator_judge.h); a
// simulation that tests the simulator's verdicts asks somebody who shares no line with it.
class SchedulerJudge {
 public:
  struct Answer {
    enum class Kind : std::uint8_t { kFits, kNowhere, kUndecidable };
    Kind kind = Kind::kUndecidable;
    std::string node;     // kFits: the one to take
    std::string message;  // kNowhere: as kube-scheduler's FitError; kUndecidable: why
    // kNowhere: the filter that each node failed; empty when the Pod was rejected before any node was looked at.
    std::map<std::string, std::string> failed;
    bool has_nodes = false;  // there is a node at all
  };

  virtual ~SchedulerJudge() = default;

  // The newest state of an object of any kind that kube-scheduler watches, by the plural of its kind; what cannot be
  // read counts as absent. A Pod with a nodeName of a known node takes its place there.
  virtual void Put(std::string_view resource, const Json& object) = 0;
  virtual void Remove(std::string_view resource, const Json& last) = 0;
  // Over all nodes. `pod` has been Put().
  virtual Answer Judge(const Json& pod) = 0;
  // Grows with every change that may let a Pod fit that fitted nowhere: upstream's queueing hints, in one number.
  virtual std::uint64_t relaxations() const = 0;
};

// The kinds that are Put(), besides "pods".
inline constexpr std::string_view kJudgedResources[] = {
    "namespaces", "nodes",      "persistentvolumeclaims", "persistentvolumes", "storageclasses",
    "csinodes",   "csidrivers", "csistoragecapacities",   "volumeattachments"};

using NewSchedulerJudge = std::function<std::unique_ptr<SchedulerJudge>(const std::string& scheduler_name)>;

}  // namespace spillway::sandbox
