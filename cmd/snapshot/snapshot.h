#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "controller/policy/surroundings.h"
#include "kube/api/decode.h"
#include "scheduler_sim/cluster.h"
#include "scheduler_sim/semantics.h"

namespace spillway::cmd {

struct SnapshotOptions {
  sim::ClusterOptions cluster;
  // Pods of which copies are wanted, see Snapshot::kept().
  std::function<bool(const kube::Pod&)> keeps;
  std::string auto_scale_config;  // namespace/name of a ConfigMap that a live cluster is asked for; empty: none
};

// As the simulation flags say; of an unknown kube-scheduler the newest known.
Result<SnapshotOptions> SnapshotOptionsFromFlags();

// A cluster read from what `kubectl get nodes,pods,namespaces,pv,pvc,... -A -o json` prints, from several such
// files, or from newline-delimited objects. A KubeSchedulerConfiguration ahead of all other objects takes the place of
// the one in the options.
class Snapshot {
 public:
  explicit Snapshot(SnapshotOptions options)
      : options_(std::move(options.cluster)), keeps_(std::move(options.keeps)), cluster_(options_) {}

  // "-" is standard input. Errors begin with "file:line:column: ".
  Status ReadFile(const std::string& path);
  Status ReadText(std::string_view text, std::string_view name);

  // One object; the error goes on from a subject: "is a Pod without metadata.name".
  Status Add(std::string_view kind, std::string_view raw);
  // Adds or replaces; a Pod without namespace is in "default".
  void Upsert(kube::Pod pod);
  void Upsert(kube::Node node);
  void RemovePod(const std::string& uid);

  // What else verdicts depend on in this cluster: what selects Pods, for default spread constraints, and DeviceClasses.
  bool NeedsSelectors() const { return sim::SpreadsByDefault(options_.scheduler); }
  bool NeedsDeviceClasses() const { return sim::Semantics::Of(options_.minor_version).device_classes; }
  // All objects of the kind have been added.
  void MarkListed(sim::SelectingKind kind) { cluster_.MarkListed(kind); }
  // Pods with volumes cannot be judged, and why.
  void SetStorageUnknown(std::string why) { cluster_.SetStorageUnknown(std::move(why)); }

  struct PendingPod {
    sim::PodIndex index;
    std::string uid, ns, name;
    std::string undecidable;  // why kube-scheduler itself does not look at it; empty when it does
  };
  // Every unbound Pod that has not ended, by namespace and name.
  std::vector<PendingPod> PendingPods() const;
  // What policies of a controller go by, with `policy`'s ConfigMap and prices.
  controller::Surroundings SurroundingsFor(const controller::Policy& policy) const;
  const std::vector<kube::Pod>& kept() const { return kept_; }
  const sim::Cluster& cluster() const { return cluster_; }
  const sim::SchedulerConfig& scheduler() const { return options_.scheduler; }

 private:
  Status Configure(std::string_view raw);
  // nullopt for kinds that are not about storage.
  std::optional<Status> AddStorage(std::string_view kind, std::string_view raw);
  template <typename T>
  Status Put(std::string_view kind, std::string_view raw);
  template <typename T>
  Status AddSelecting(std::string_view kind, std::string_view raw, sim::SelectingKind selecting);
  template <typename T>
  Result<T> Decoded(std::string_view kind, std::string_view raw);
  std::string WhyNotLookedAt(const kube::Pod& pod) const;

  struct Unbound {
    std::string uid, ns, name, undecidable;
  };
  sim::ClusterOptions options_;
  std::function<bool(const kube::Pod&)> keeps_;
  sim::Cluster cluster_;
  kube::Decoder decoder_;
  std::vector<Unbound> unbound_;
  std::vector<kube::Pod> kept_;
  controller::Surroundings surroundings_;
  std::map<std::string, std::string> auto_scale_;  // AUTO_SCALE_EKS by ConfigMap
};

}  // namespace spillway::cmd
