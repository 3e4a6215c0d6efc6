#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cmd/snapshot/snapshot.h"
#include "kube/api/objects.h"

// Questions to `spillway simulate` about a cluster that does not exist yet: --add-nodes and --scale.
namespace spillway::cmd {

// "3=shape.yaml"
struct NodeAddition {
  int count = 0;
  std::string file;
};
// "shop/deployment/web=20"
struct Scaling {
  std::string ns, kind, name;  // kind in lower case, without short forms
  int replicas = 0;

  // True when a Pod has this owner, or belongs to a ReplicaSet of this Deployment.
  bool Owns(const kube::Pod& pod) const;
  std::string Text() const { return ns + "/" + kind + "/" + name; }
};

Result<std::vector<NodeAddition>> ParseNodeAdditions(std::string_view flag);
Result<std::vector<Scaling>> ParseScalings(std::string_view flag);

// A manifest of one Node, whose allocatable defaults to its capacity.
Result<kube::Node> ParseNodeShape(std::string_view yaml);

// Adds `count` nodes as the manifest describes one. They are named after it, <name>-1 and so on, and
// kubernetes.io/hostname follows.
Status AddNodes(Snapshot& snapshot, int count, std::string_view yaml);

// Brings the Pods of an owner to that number. New ones are pending copies of the youngest; those to go are taken in the
// order of the ReplicaSet controller, as far as a snapshot shows it: pending ones, lower pod-deletion-cost, most
// siblings on their node, youngest. The snapshot must have been told to keep these Pods (SnapshotOptions::keeps).
Status Rescale(Snapshot& snapshot, const Scaling& scaling);

}  // namespace spillway::cmd
