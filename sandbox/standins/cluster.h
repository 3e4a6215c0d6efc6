#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "sandbox/rest/api_server.h"
#include "sandbox/standins/context.h"
#include "sandbox/standins/kubelets.h"
#include "sandbox/standins/scheduler.h"

namespace spillway::sandbox {

struct SandboxOptions {
  ApiServerOptions api;
  SchedulerOptions scheduler;
  NewSchedulerJudge judge;  // of the scheduler; null: Spillway's own simulator
  KubeletOptions kubelet;
  WorkQueue::Delays controller_delays;
};

// A whole cluster without virtual nodes: the API server and the stand-ins for everything that works behind it. On the
// Runtime's time and chance, so that in a simulation one seed is one history. Loop thread only; destroy whatever uses
// api() first.
class SandboxCluster {
 public:
  SandboxCluster(Runtime& runtime, SandboxOptions options);
  ~SandboxCluster();
  SandboxCluster(const SandboxCluster&) = delete;
  SandboxCluster& operator=(const SandboxCluster&) = delete;

  // `cpu` and `memory` are quantities: "4", "8Gi".
  void AddRealNode(const std::string& name, const std::string& cpu, const std::string& memory, std::int64_t pods);
  // As if the machine were destroyed: its Node goes at once, its Pods when garbage collection finds them.
  void RemoveRealNode(const std::string& name);
  void Cordon(const std::string& node);
  void Uncordon(const std::string& node);

  // As kubectl apply -n `ns`.
  Status Apply(std::string_view yaml, const std::string& ns);

  ApiServer& api() { return api_; }
  Store& store() { return api_.store(); }
  ObjectCaches& caches() { return caches_; }
  Kubelets& kubelets();
  Scheduler& scheduler();

 private:
  struct StandIns;
  ApiServer api_;
  ObjectCaches caches_;
  StandinContext context_;
  std::unique_ptr<StandIns> standins_;
};

}  // namespace spillway::sandbox
