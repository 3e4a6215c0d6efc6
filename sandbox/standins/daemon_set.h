#pragma once

#include <string>

#include "sandbox/standins/context.h"

namespace spillway::sandbox {

// Stands in for the DaemonSet controller: one Pod per node whose labels and taints admit it, each pinned to its node by
// node affinity and left to the scheduler. Changed templates are not rolled out.
//
// Source: kube-controller-manager pkg/controller/daemon/daemon_controller.go, v1.36.
class DaemonSetController {
 public:
  explicit DaemonSetController(StandinContext context);

 private:
  void Sync(const std::string& key);
  void CreatePod(const Json& set, const std::string& node);
  void SyncAll();

  StandinContext context_;
  ObjectCache& sets_;
  ObjectCache& nodes_;
  ObjectCache& pods_;
  WorkQueue queue_;
};

}  // namespace spillway::sandbox
