#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/runtime.h"
#include "base/task.h"
#include "controller/cluster_state.h"
#include "controller/decision_log.h"
#include "controller/explain_json.h"
#include "controller/policy/policy.h"
#include "controller/scheduler_version.h"
#include "kube/client.h"

namespace spillway::controller {

// Who answers, as the answer tells.
struct ExplainerIdentity {
  std::string identity, leader;  // leader: empty when it is not known
  bool leads = false, dry_run = false;
  SchedulerVersion scheduler;
};

// Answers questions about one Pod from the newest state: the verdict, what has been decided and told, and the ids to
// ask about. Read-only. Anybody who reaches the port may ask, so the cost is bounded: answers take at most a tenth of
// the loop's time, and few Pods are fetched from the API server at once; whoever asks too often hears kThrottled with a
// time to wait. Loop thread only.
class Explainer {
 public:
  // All outlive this. `api` reads Pods that are not pending; its limiter is not shared with binds.
  Explainer(Runtime& runtime, kube::Client& api, const DecisionLog& decisions, const Policy& policy);

  // kInvalidArgument: no possible Pod. kNotFound: there is none. kUnavailable: nothing can be said now.
  Task<Result<std::string>> Explain(const ClusterState& state, ExplainerIdentity who, std::string ns, std::string name,
                                    ExplainDetail detail);

 private:
  Status MayAsk() const;
  std::string AnswerPending(const ClusterState& state, const ExplainerIdentity& who, const PendingPod& pod,
                            ExplainDetail detail);
  nlohmann::ordered_json OfPending(const ClusterState& state, const PendingPod& pod, ExplainDetail detail);
  Task<Result<nlohmann::ordered_json>> OfOther(const ClusterState& state, std::string ns, std::string name);
  nlohmann::ordered_json Told(const kube::ObjectMeta& pod) const;

  Runtime& runtime_;
  kube::Client& api_;
  const DecisionLog& decisions_;
  const Policy& policy_;
  Instant next_{};  // no answer before
  int fetching_ = 0;
};

}  // namespace spillway::controller
