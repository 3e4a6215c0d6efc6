#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/scope.h"
#include "base/task.h"
#include "sandbox/standins/context.h"
#include "sandbox/standins/event_writer.h"
#include "sandbox/standins/pod_resources.h"

namespace spillway::sandbox {

struct KubeletOptions {
  Duration start_low = std::chrono::milliseconds(300), start_high = std::chrono::milliseconds(1500);
  Duration stop_low = std::chrono::milliseconds(50), stop_high = std::chrono::milliseconds(600);
  Duration lease_period = std::chrono::seconds(10);
  Duration status_period = std::chrono::minutes(5);
};

// Stands in for the kubelets of all real nodes: registers Nodes, renews their Leases, admits Pods bound to them
// (OutOfcpu and the like, as the kubelet rejects them), runs them, ends them when their time is up or they are deleted.
//
// A Pod with the annotation spillway.io/simulated-run-seconds ends after that time with exit code 0; others run for
// ever.
//
// Source: pkg/kubelet kubelet.go HandlePodAdditions, lifecycle/predicate.go, v1.36.
class Kubelets {
 public:
  Kubelets(StandinContext context, KubeletOptions options);
  ~Kubelets();
  Kubelets(const Kubelets&) = delete;
  Kubelets& operator=(const Kubelets&) = delete;

  // `cpu` and `memory` are quantities: "4", "8Gi". Capacity and allocatable are the same.
  void AddNode(const std::string& name, const std::string& cpu, const std::string& memory, std::int64_t pods);
  // The machine is gone: Node object deleted, nobody ends its Pods (pod garbage collection does).
  void RemoveNode(const std::string& name);
  // Stops or resumes renewing the Lease, as a node that has lost its network.
  void Silence(const std::string& name);
  void Resume(const std::string& name);

 private:
  struct Running {
    std::string key;
    PodRequest request;
  };
  struct Machine {
    Json capacity;
    std::int64_t index = 0, next_ip = 2;
    bool silent = false;
    std::map<std::string, Running> admitted;  // by UID
    std::unique_ptr<TaskScope> scope;         // its flows end with it
  };

  Json NodeObject(const std::string& name, const Machine& machine) const;
  Task<void> KeepAlive(std::string name);
  void RenewLease(const std::string& name);
  void OnPod(const std::string& key, const Json* before, const Json* now);
  void Admit(const std::string& name, Machine& machine, const std::string& key, const Json& pod);
  std::string Rejection(const Machine& machine, const PodRequest& request, std::string& reason) const;
  Task<void> RunPod(std::string node, std::string key, std::string uid);
  Task<void> StopPod(std::string node, std::string key, std::string uid);
  void WriteRunning(const std::string& key, const std::string& uid, const std::string& ip, const std::string& host_ip);
  void WriteEnded(const std::string& key, const std::string& uid);

  StandinContext context_;
  KubeletOptions options_;
  Random random_;
  EventWriter events_;
  std::map<std::string, Machine> machines_;
  std::int64_t next_index_ = 1;
  std::set<std::string> stopping_;  // UIDs
};

}  // namespace spillway::sandbox
