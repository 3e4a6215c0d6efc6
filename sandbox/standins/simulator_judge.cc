#include "sandbox/standins/simulator_judge.h"

#include <map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "kube/api/decode.h"
#include "scheduler_sim/cluster.h"
#include "scheduler_sim/packing.h"
#include "scheduler_sim/verdict.h"

namespace spillway::sandbox {
namespace {

sim::ClusterOptions ModelOptions(const std::string& scheduler_name) {
  sim::ClusterOptions options;
  options.scheduler = sim::DefaultConfig({scheduler_name});
  options.virtual_nodes.match_labels = {{"type", "virtual-kubelet"}};
  return options;
}

class SimulatorJudge final : public SchedulerJudge {
 public:
  explicit SimulatorJudge(const std::string& scheduler_name) : cluster_(ModelOptions(scheduler_name)) {
    Take<kube::Pod>("pods", &sim::Cluster::RemovePod);
    Take<kube::Node>("nodes", &sim::Cluster::RemoveNode);
    Take<kube::Namespace>("namespaces", &sim::Cluster::RemoveNamespace);
    Take<kube::PersistentVolumeClaim>("persistentvolumeclaims", &sim::Cluster::RemoveClaim);
    Take<kube::PersistentVolume>("persistentvolumes", &sim::Cluster::RemoveVolume);
    Take<kube::StorageClass>("storageclasses", &sim::Cluster::RemoveStorageClass);
    Take<kube::CsiNode>("csinodes", &sim::Cluster::RemoveCsiNode);
    Take<kube::CsiDriver>("csidrivers", &sim::Cluster::RemoveCsiDriver);
    Take<kube::CsiStorageCapacity>("csistoragecapacities", &sim::Cluster::RemoveStorageCapacity);
    Take<kube::VolumeAttachment>("volumeattachments", &sim::Cluster::RemoveVolumeAttachment);
  }

  void Put(std::string_view resource, const Json& object) override {
    if (const auto found = kinds_.find(resource); found != kinds_.end()) found->second.put(object);
  }
  void Remove(std::string_view resource, const Json& last) override {
    if (const auto found = kinds_.find(resource); found != kinds_.end()) found->second.remove(UidOf(last));
  }

  Answer Judge(const Json& pod) override {
    Answer answer;
    const auto index = cluster_.FindPod(UidOf(pod));
    if (!index) {
      answer.message = "the Pod cannot be read";
      return answer;
    }
    answer.has_nodes = cluster_.node_count(sim::NodeDomain::kAll) > 0;
    const sim::Verdict verdict = sim::Judge(cluster_, *index, sim::NodeDomain::kAll);
    if (verdict.kind == sim::Verdict::Kind::kFits) {
      answer.kind = Answer::Kind::kFits;
      answer.node = cluster_.node(Best(*index, verdict)).name;
    } else if (verdict.kind == sim::Verdict::Kind::kNowhere) {
      answer.kind = Answer::Kind::kNowhere;
      answer.message = verdict.why_not->SchedulerMessage();
      for (const sim::NodeReport& report : sim::ReportNodes(cluster_, *index))
        answer.failed.emplace(cluster_.node(report.node).name, report.filter);
    } else {
      answer.message = verdict.undecidable;
    }
    return answer;
  }

  std::uint64_t relaxations() const override { return cluster_.relaxations(); }

 private:
  struct Kind {
    std::function<void(const Json&)> put;
    std::function<void(const std::string& uid)> remove;
  };

  template <typename T>
  void Take(const std::string& resource, void (sim::Cluster::*remove)(std::string_view uid)) {
    kinds_[resource] = {[this, resource](const Json& object) {
                          const auto decoded = decoder_.Decode<T>(object.dump());
                          if (decoded) return cluster_.Upsert(*decoded);
                          log::Warning("scheduler stand-in: an object that cannot be read",
                                       {{"resource", resource}, {"why", decoded.error().message}});
                        },
                        [this, remove](const std::string& uid) { (cluster_.*remove)(uid); }};
  }

  // Packing one Pod chooses among the nodes that fit as kube-scheduler's default scores would.
  sim::NodeIndex Best(sim::PodIndex pod, const sim::Verdict& any) const {
    const std::vector<sim::PodIndex> alone = {pod};
    const sim::Packing packing = sim::Pack(cluster_, alone, sim::NodeDomain::kAll);
    if (packing.entries().empty()) return any.node;
    const sim::Verdict& best = packing.entries().front().verdict;
    return best.kind == sim::Verdict::Kind::kFits ? best.node : any.node;
  }

  sim::Cluster cluster_;
  kube::Decoder decoder_;
  std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace

std::unique_ptr<SchedulerJudge> NewSimulatorJudge(const std::string& scheduler_name) {
  return std::make_unique<SimulatorJudge>(scheduler_name);
}

}  // namespace spillway::sandbox
