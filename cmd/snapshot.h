#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/api/decode.h"
#include "scheduler_sim/cluster.h"

namespace spillway::cmd {

struct SnapshotOptions {
  sim::ClusterOptions cluster;
  std::vector<std::string> scheduler_names = {"default-scheduler"};
};

// A cluster read from what `kubectl get nodes,pods,namespaces,pv,pvc,sc,csinodes -A -o json` prints, from several such
// files, or from newline-delimited objects.
class Snapshot {
 public:
  explicit Snapshot(SnapshotOptions options)
      : scheduler_names_(std::move(options.scheduler_names)), cluster_(std::move(options.cluster)) {}

  // "-" is standard input. Errors begin with "file:line:column: ".
  Status ReadFile(const std::string& path);
  Status ReadText(std::string_view text, std::string_view name);

  struct PendingPod {
    sim::PodIndex index;
    std::string ns, name;
    std::string undecidable;  // why kube-scheduler itself does not look at it; empty when it does
  };
  // Every unbound Pod that has not ended, by namespace and name.
  std::vector<PendingPod> PendingPods() const;
  const sim::Cluster& cluster() const { return cluster_; }

 private:
  Status Add(std::string_view kind, std::string_view raw);
  template <typename T>
  Result<T> Decoded(std::string_view kind, std::string_view raw);
  Status AddPod(std::string_view raw);
  std::string WhyNotLookedAt(const kube::Pod& pod) const;
  Status AddNode(std::string_view raw);

  struct Unbound {
    std::string uid, ns, name, undecidable;
  };
  std::vector<std::string> scheduler_names_;
  sim::Cluster cluster_;
  kube::Decoder decoder_;
  std::vector<Unbound> unbound_;
};

}  // namespace spillway::cmd
