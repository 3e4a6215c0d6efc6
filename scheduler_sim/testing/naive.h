#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "kube/api/objects.h"
#include "kube/api/storage.h"
#include "kube/api/workloads.h"
#include "scheduler_sim/scheduler_config.h"
#include "scheduler_sim/selecting_kind.h"

namespace spillway::sim::testing {

// kube-scheduler's filters written a second time, the slow way: Pod by Pod and node by node over whole objects, as
// close to the Go sources as C++ allows and without a line shared with the model. Tests hold the model against it.
struct Objects {
  std::vector<kube::Node> nodes;
  std::vector<kube::Pod> pods;  // those with a nodeName of a known node count
  std::vector<kube::Namespace> namespaces;
  SchedulerConfig scheduler;
  std::vector<std::pair<SelectingKind, kube::SelectingObject>> selecting;  // all of them are known
  std::vector<kube::DeviceClass> device_classes;
  std::vector<kube::PersistentVolumeClaim> claims;
  std::vector<kube::PersistentVolume> volumes;
  std::vector<kube::StorageClass> storage_classes;
  std::vector<kube::CsiNode> csi_nodes;
  std::vector<kube::CsiDriver> csi_drivers;
  std::vector<kube::CsiStorageCapacity> capacities;
  std::vector<kube::VolumeAttachment> attachments;
};

struct NaiveVerdict {
  struct Node {
    std::string filter;  // empty: feasible
    std::vector<std::string> reasons;
    bool operator==(const Node&) const = default;
  };
  bool undecidable = false;  // then the rest means nothing
  std::string rejection;
  bool fails = false;                 // kube-scheduler itself does, whatever else there is
  std::map<std::string, Node> nodes;  // by name; empty with a rejection
  // Nodes, real or virtual, that without their not-ready, unreachable, pressure and like taints and their cordon would
  // refuse the Pod for resources at most.
  std::set<std::string> lost;
  std::set<std::string> doubtful;  // nodes that refuse it, but would not if devices could be allocated there

  bool feasible_anywhere() const;
  // kube-scheduler's FitError.
  std::string Message() const;
};
NaiveVerdict JudgeNaively(const Objects& objects, const kube::Pod& pod, int minor_version);

}  // namespace spillway::sim::testing
