#pragma once

#include <string>
#include <vector>

#include "sandbox/standins/context.h"
#include "sandbox/standins/event_writer.h"

namespace spillway::sandbox {

// Stands in for the Job controller: parallelism, completions, backoffLimit with a delay that doubles from 10 s, the
// conditions that `kubectl wait` waits for. Indexed Jobs, suspend, podFailurePolicy and finalizer-based counting are
// not covered.
//
// Source: kube-controller-manager pkg/controller/job, v1.36.
class JobController {
 public:
  explicit JobController(StandinContext context);

 private:
  struct Tally {
    std::int64_t active = 0, ready = 0, succeeded = 0, failed = 0, terminating = 0;
    std::vector<const Json*> active_pods;
  };
  void Sync(const std::string& key);
  Tally Count(const Json& job) const;
  void CreatePods(const std::string& key, const Json& job, std::int64_t missing);
  void DeletePods(const Json& job, const std::vector<const Json*>& pods, std::size_t surplus);
  void WriteStatus(const std::string& key, const Tally& tally, const std::string& finished, const std::string& why);

  StandinContext context_;
  ObjectCache& jobs_;
  ObjectCache& pods_;
  EventWriter events_;
  WorkQueue queue_;
};

}  // namespace spillway::sandbox
