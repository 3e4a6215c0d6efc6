#include "sandbox/standins/cluster.h"

#include <utility>

#include "sandbox/standins/daemon_set.h"
#include "sandbox/standins/deployment.h"
#include "sandbox/standins/garbage_collector.h"
#include "sandbox/standins/job.h"
#include "sandbox/standins/manifest.h"
#include "sandbox/standins/node_lifecycle.h"
#include "sandbox/standins/replica_set.h"
#include "sandbox/standins/simulator_judge.h"
#include "sandbox/standins/stateful_set.h"

namespace spillway::sandbox {

struct SandboxCluster::StandIns {
  StandIns(const StandinContext& context, const SandboxOptions& options)
      : deployments(context),
        replica_sets(context),
        stateful_sets(context),
        jobs(context),
        daemon_sets(context),
        garbage(context),
        nodes(context),
        scheduler(context, options.scheduler,
                  options.judge ? options.judge(options.scheduler.name) : NewSimulatorJudge(options.scheduler.name)),
        kubelets(context, options.kubelet) {}

  DeploymentController deployments;
  ReplicaSetController replica_sets;
  StatefulSetController stateful_sets;
  JobController jobs;
  DaemonSetController daemon_sets;
  GarbageCollector garbage;
  NodeLifecycle nodes;
  Scheduler scheduler;
  Kubelets kubelets;
};

SandboxCluster::SandboxCluster(Runtime& runtime, SandboxOptions options)
    : api_(runtime, options.api),
      caches_(api_.store()),
      context_{runtime, api_.store(), caches_, options.controller_delays},
      standins_(std::make_unique<StandIns>(context_, options)) {}

SandboxCluster::~SandboxCluster() = default;

Kubelets& SandboxCluster::kubelets() { return standins_->kubelets; }
Scheduler& SandboxCluster::scheduler() { return standins_->scheduler; }

void SandboxCluster::AddRealNode(const std::string& name, const std::string& cpu, const std::string& memory,
                                 std::int64_t pods) {
  standins_->kubelets.AddNode(name, cpu, memory, pods);
}

void SandboxCluster::RemoveRealNode(const std::string& name) { standins_->kubelets.RemoveNode(name); }

void SandboxCluster::Cordon(const std::string& node) {
  (void)store().Modify("nodes", "", node, Part::kObject, [](Json& object) {
    object["spec"]["unschedulable"] = true;
    return true;
  });
}

void SandboxCluster::Uncordon(const std::string& node) {
  (void)store().Modify("nodes", "", node, Part::kObject, [](Json& object) {
    object["spec"].erase("unschedulable");
    return true;
  });
}

Status SandboxCluster::Apply(std::string_view yaml, const std::string& ns) { return ApplyManifest(store(), yaml, ns); }

}  // namespace spillway::sandbox
