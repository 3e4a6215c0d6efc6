#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "base/scope.h"
#include "controller/cluster_state.h"
#include "controller/policy/fail_over.h"
#include "controller/reporter.h"
#include "kube/client.h"

namespace spillway::controller {

struct FailOverOptions {
  // namespace/name of the ConfigMap that keeps what was evicted within the last hour; empty: this process alone knows.
  std::string record;
};

// Evicts Pods that their virtual node cannot run, one at a time: see policy/fail_over.h for which. What is about to be
// evicted is written down before, so that whoever leads next counts it too, and knows which nodes an owner's Pods
// avoid; an eviction that came to nothing counts until the next is written. Loop thread only.
class FailOver {
 public:
  // All outlive this. `leads`: see Overflow.
  FailOver(Runtime& runtime, ClusterState& state, kube::Client& api, Reporter& reporter, metrics::Registry& metrics,
           const Policy& policy, FailOverOptions options, std::function<bool()> leads);
  void Start() { flows_.Spawn(Run()); }
  void Stop() { stopped_ = true; }

 private:
  // Of a Pod that was refused.
  struct Attempt {
    Instant retry_at{};
    std::optional<FailOverBook::Entry> unanswered;  // it may have been evicted
    std::string_view told;                          // reason of the last event...
    std::string told_why;                           // ...and what was against it
  };
  Task<void> Run();
  bool IsOn() const;
  bool MayAct() const;
  void TellOfRecord(const char* what, const Error& error);
  Task<bool> Load();
  Task<bool> Save();
  void Forget();
  FailOverWait Judge(const RefusedPod& pod) const;
  bool HasAnotherNode(const RefusedPod& pod) const;
  Task<void> Consider(std::string uid);
  Task<void> Evict(std::string uid, FailOverBook::Entry entry);
  void NoteOutcome(const RefusedPod& pod, const FailOverBook::Entry& entry, const Status& status);
  void Tell(const RefusedPod& pod, std::string_view reason, const std::string& why);
  std::string WhatIsWrong(const RefusedPod& pod) const;

  Runtime& runtime_;
  ClusterState& state_;
  kube::Client& api_;
  Reporter& reporter_;
  metrics::Registry& metrics_;
  const Policy& policy_;
  FailOverOptions options_;
  std::function<bool()> leads_;
  bool stopped_ = false, is_loaded_ = false, is_told_ = false;  // is_told_: of what is wrong with the record
  std::string version_;                                         // of the record; empty: there is none
  std::map<std::string, Attempt> attempts_;                     // by UID
  TaskScope flows_;                                             // last: dies before what its flows use
};

}  // namespace spillway::controller
