#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"
#include "kube/client.h"
#include "metrics/registry.h"

namespace spillway::controller {

// Minor versions, 1.x, of kube-scheduler.
struct SchedulerVersion {
  int found = 0;      // the API server's, or the one given
  int simulated = 0;  // that one, or the nearest that can be simulated
  bool is_known() const { return found == simulated; }

  // Of a version that can be simulated, or of the nearest.
  static SchedulerVersion Of(int minor);
  // From the API server's /version.
  static Result<SchedulerVersion> Read(const nlohmann::json& version);

  // "1.36"; "1.38, of which nothing is known; 1.36 is simulated".
  std::string Text() const;
};
// "1.36"
std::string VersionName(int minor);

struct SchedulerVersionOptions {
  int given = 0;     // --kube-scheduler-version; 0: as the API server's
  int accepted = 0;  // --accept-scheduler-version: one that cannot be simulated, and that is acted upon all the same
  bool dry_run = false;                                // moves nothing: any version will do
  Duration period = std::chrono::minutes(5);           // between two questions while it runs
  Duration period_refused = std::chrono::seconds(30);  // while it does not
};

// Finds out which kube-scheduler there is, before anything is simulated and again while it is: clusters are upgraded.
// The API server's version stands for it; kube-scheduler itself may be one minor version older, which nothing shows
// (docs/compatibility.md). Loop thread only.
class SchedulerVersionWatch {
 public:
  // All outlive this.
  SchedulerVersionWatch(Runtime& runtime, kube::Client& api, metrics::Registry& metrics,
                        SchedulerVersionOptions options);

  // What to simulate. The error says why nothing is to be simulated: the API server does not answer, or its version is
  // not known and not accepted; then retry_after says when to ask again.
  Task<Result<SchedulerVersion>> Ask();
  // Returns once the API server's version has been another one, the same, twice in a row: while API servers are being
  // replaced, now the old and now the new one answers. Precondition: the version was not given.
  Task<SchedulerVersion> UntilItChanges(SchedulerVersion running);

 private:
  Task<Result<SchedulerVersion>> Find();
  Status Check(const SchedulerVersion& version) const;
  void Export(const SchedulerVersion& version, bool simulated);

  Runtime& runtime_;
  kube::Client& api_;
  metrics::Registry& metrics_;
  SchedulerVersionOptions options_;
};

}  // namespace spillway::controller
