#include "tests/simulation/naive_judge.h"

#include <algorithm>
#include <map>

#include "tests/simulation/naive_cluster.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;

class NaiveJudge final : public sandbox::SchedulerJudge {
 public:
  explicit NaiveJudge(Runtime& runtime) : runtime_(runtime) {}

  void Put(std::string_view resource, const Json& object) override {
    const bool changed = cluster_.Put(resource, object.dump(), runtime_.Now());
    if (changed && (resource != "pods" || MayHelp(object))) ++relaxations_;
  }

  void Remove(std::string_view resource, const Json& last) override {
    if (cluster_.Remove(resource, sandbox::UidOf(last), runtime_.Now())) ++relaxations_;
  }

  Answer Judge(const Json& pod) override {
    Answer answer;
    answer.has_nodes = !cluster_.objects().nodes.empty();
    const kube::Pod* known = cluster_.FindPod(sandbox::UidOf(pod));
    if (known == nullptr) {
      answer.message = "the Pod cannot be read";
      return answer;
    }
    const NaiveVerdict verdict = cluster_.Judge(*known);
    if (verdict.undecidable || verdict.fails) {
      answer.message = "the filters fail";
    } else if (verdict.feasible_anywhere()) {
      answer.kind = Answer::Kind::kFits;
      answer.node = Emptiest(verdict);
    } else {
      answer.kind = Answer::Kind::kNowhere;
      answer.message = verdict.Message();
      for (const auto& [name, node] : verdict.nodes) answer.failed.emplace(name, node.filter);
    }
    return answer;
  }

  std::uint64_t relaxations() const override { return relaxations_; }

 private:
  // A Pod that waits helps nobody; one that has ended does, and so may one that got its node, by affinity.
  bool MayHelp(const Json& pod) const {
    if (!sandbox::IsPodActive(pod)) return true;
    const auto& pods = cluster_.objects().pods;
    return !sandbox::NodeOf(pod).empty() && std::any_of(pods.begin(), pods.end(), [](const kube::Pod& other) {
      return !other.is_bound() && !(other.required_pod_affinity.empty() && other.topology_spread.empty());
    });
  }

  // The smallest share of its Pods and processors in use, and then by name.
  std::string Emptiest(const NaiveVerdict& verdict) const {
    std::map<std::string, std::int64_t> taken;
    for (const kube::Pod& pod : cluster_.objects().pods) {
      if (pod.is_terminal()) continue;
      for (const kube::Container& container : pod.containers) {
        for (const auto& [name, amount] : container.requests) {
          if (name == "cpu") taken[pod.node_name] += amount.MilliValue();
        }
      }
    }
    std::string best;
    double best_share = 0;
    for (const kube::Node& node : cluster_.objects().nodes) {
      const auto found = verdict.nodes.find(node.metadata.name);
      if (found == verdict.nodes.end() || !found->second.filter.empty()) continue;
      std::int64_t room = 1;
      for (const auto& [name, amount] : node.allocatable) {
        if (name == "cpu") room = std::max<std::int64_t>(1, amount.MilliValue());
      }
      const double share = static_cast<double>(taken[node.metadata.name]) / static_cast<double>(room);
      if (best.empty() || share < best_share || (share == best_share && node.metadata.name < best)) {
        best = node.metadata.name;
        best_share = share;
      }
    }
    return best;
  }

  Runtime& runtime_;
  NaiveCluster cluster_{Duration(0)};
  std::uint64_t relaxations_ = 0;
};

}  // namespace

std::unique_ptr<sandbox::SchedulerJudge> NewNaiveJudge(Runtime& runtime, const std::string&) {
  return std::make_unique<NaiveJudge>(runtime);
}

}  // namespace spillway::simulation
