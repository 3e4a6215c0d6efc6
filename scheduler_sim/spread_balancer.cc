#include "scheduler_sim/spread_balancer.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>

#include "kube/api/selector.h"
#include "scheduler_sim/filter.h"
#include "scheduler_sim/virtual_offer.h"

namespace spillway::sim {
namespace {

__extension__ using Wide = __int128;

constexpr std::size_t kShown = 3;  // nodes, in texts

// used/of, compared exactly.
struct Share {
  std::int64_t used = 0, of = 1;
  friend bool operator<(const Share& a, const Share& b) { return Wide{a.used} * b.of < Wide{b.used} * a.of; }
  friend bool operator==(const Share& a, const Share& b) { return Wide{a.used} * b.of == Wide{b.used} * a.of; }
  std::string Percent() const { return std::to_string(static_cast<std::int64_t>(Wide{used} * 100 / of)) + "%"; }
};

}  // namespace

class Spreader::Impl {
 public:
  Impl(const Cluster& cluster, const SpreadOptions& options)
      : model_(cluster.model()), options_(options), nodes_(cluster.nodes(NodeRole::kVirtual)) {
    if (options.pools.empty()) return;
    for (const NodeIndex node : nodes_) pool_of_.push_back(PoolOf(model_.node(node).labels));
  }

  Placement Place(PodIndex pod, const Objects& objects) {
    const PodRecord& record = model_.pod(pod);
    if (record.bound) return {pod, std::nullopt, "it is already bound to a node"};
    const PodClass& pod_class = model_.pod_class(record.pod_class);
    if (const std::string& why = model_.undecidable(pod_class); !why.empty()) return {pod, std::nullopt, why};
    if (std::string why = UnboundClaim(pod_class); !why.empty()) return {pod, std::nullopt, std::move(why)};

    const std::vector<std::string>& refusals = RefusalsOf(record.pod_class, pod_class);
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!refusals[i].empty() || !FitsNow(pod_class, nodes_[i])) continue;
      candidates.push_back(Weigh(record, pod_class, nodes_[i]));
      if (!pool_of_.empty()) candidates.back().pool = pool_of_[i];
    }
    if (candidates.empty()) return {pod, std::nullopt, WhyNowhere(pod_class, refusals), NoneCanRun(pod_class)};
    const std::size_t left_out = LeaveOut(candidates, objects);
    const BestPool pool = KeepBestPool(candidates);
    if (candidates.empty()) return {pod, std::nullopt, "every pool whose nodes would take it has its most Pods"};
    const std::size_t shown = std::min(candidates.size(), kShown);
    std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(shown), candidates.end());
    const NodeIndex chosen = candidates.front().node;
    return {.pod = pod, .node = chosen, .why = WhyThere(candidates, pool.nodes) + pool.words, .left_out = left_out};
  }

  void Count(const Placement& placement) {
    if (!placement.node) return;
    const PodRecord& record = model_.pod(placement.pod);
    if (!changed_) changed_.emplace(model_.usage);
    model_.Place(*changed_, record.footprint, record.identity, *placement.node);
    if (record.owner.valid()) ++placed_[Cluster::Model::OwnerKey(record.owner, *placement.node)];
  }

 private:
  struct Candidate {
    Share share;  // after placing
    std::uint64_t replicas = 0;
    std::size_t order = 0;
    NodeIndex node;
    std::size_t pool = 0;  // where there are any
    bool operator<(const Candidate& other) const {
      if (!(share == other.share)) return share < other.share;
      return replicas != other.replicas ? replicas < other.replicas : order < other.order;
    }
  };

  static std::size_t LeaveOut(std::vector<Candidate>& candidates, const Objects& objects) {
    if (!objects) return 0;
    const auto stays = [&](const Candidate& candidate) { return !objects(candidate.node); };
    const auto left = std::stable_partition(candidates.begin(), candidates.end(), stays);
    if (left == candidates.begin()) return 0;
    const auto left_out = static_cast<std::size_t>(candidates.end() - left);
    candidates.erase(left, candidates.end());
    return left_out;
  }

  std::size_t PoolOf(const kube::StringMap& labels) const {
    const auto& pools = options_.pools;
    const auto in = [&](const SpreadPool& pool) { return kube::Matches(pool.nodes, labels); };
    return static_cast<std::size_t>(std::find_if(pools.begin(), pools.end(), in) - pools.begin());
  }

  std::vector<std::int64_t> PodsByPool() const {
    std::vector<std::int64_t> pods(options_.pools.size() + 1);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      pods[pool_of_[i]] += model_.node(nodes_[i]).pods - usage().free_pods[nodes_[i].value()];
    }
    return pods;
  }

  // How soon a pool is taken, the smallest first; nullopt: it has its most Pods.
  std::optional<Share> RankOf(std::size_t index, const std::vector<std::int64_t>& pods) const {
    if (index == options_.pools.size()) return Share{std::numeric_limits<std::int64_t>::max(), 1};
    const SpreadPool& pool = options_.pools[index];
    if (pool.most_pods && pods[index] >= *pool.most_pods) return std::nullopt;
    return pool.share > 0 ? Share{pods[index] + 1, pool.share} : Share{static_cast<std::int64_t>(index), 1};
  }

  struct BestPool {
    std::size_t nodes = 0;  // virtual, among which was chosen
    std::string words;      // that go on: " in pool cheap (by preference)"
  };
  // Leaves the candidates of the best pool that may take one more Pod; none, if none may.
  BestPool KeepBestPool(std::vector<Candidate>& candidates) const {
    if (options_.pools.empty()) return {nodes_.size(), ""};
    const std::vector<std::int64_t> pods = PodsByPool();
    std::optional<std::pair<Share, std::size_t>> best;
    for (const Candidate& candidate : candidates) {
      const std::optional<Share> rank = RankOf(candidate.pool, pods);
      if (rank && (!best || *rank < best->first)) best.emplace(*rank, candidate.pool);
    }
    std::erase_if(candidates, [&](const Candidate& candidate) { return !best || candidate.pool != best->second; });
    if (!best) return {};
    const auto nodes = static_cast<std::size_t>(std::count(pool_of_.begin(), pool_of_.end(), best->second));
    if (best->second == options_.pools.size()) return {nodes, " in no pool"};
    const SpreadPool& pool = options_.pools[best->second];
    return {nodes, " in pool " + pool.name + (pool.share > 0 ? " (by share)" : " (by preference)")};
  }

  static bool DependsOnUsage(const Filter& filter) { return filter.scope() != Filter::Scope::kObjects; }

  const Usage& usage() const { return changed_ ? *changed_ : model_.usage; }
  Question Ask(const PodClass& pod_class) const { return {model_, usage(), pod_class}; }

  // Volumes are bound and made for the node that kube-scheduler chose; for a Pod that it did not place nobody does it.
  std::string UnboundClaim(const PodClass& pod_class) const {
    const VolumeUse* volumes = model_.volumes_of(pod_class);
    if (volumes == nullptr) return {};
    for (const VolumeUse::Claim& use : volumes->claims) {
      if (model_.storage.claim(use.claim).bound()) continue;
      return "its claim " + std::string(model_.storage.NameOf(use.claim)) +
             " has no volume yet, and only kube-scheduler can get it one";
    }
    return {};
  }

  // Why a virtual node is out for good, per node; empty texts for those that only need room.
  const std::vector<std::string>& RefusalsOf(ClassIndex index, const PodClass& pod_class) {
    auto [at, is_new] = refusals_.try_emplace(index);
    if (is_new) {
      at->second.reserve(nodes_.size());
      for (const NodeIndex node : nodes_) at->second.push_back(Refusal(pod_class, node));
    }
    return at->second;
  }

  std::string Refusal(const PodClass& pod_class, NodeIndex index) const {
    const NodeRecord& node = model_.node(index);
    if (node.offer) {  // first what no waiting changes
      if (std::string why = WhyItCannotRun(model_, pod_class, *node.offer); !why.empty()) return why;
    }
    if (!node.ready) return "not ready";
    if (node.unschedulable) return "cordoned";
    if (node.cloud_unreachable) return "cloud unreachable";
    for (const kube::Taint& taint : node.taints) {
      if (IsFence(taint)) continue;
      if (FirstUntolerated({taint}, model_.tolerations[pod_class.tolerations.value()].tolerations) != nullptr) {
        return "untolerated taint " + taint.key + (taint.value.empty() ? "" : "=" + taint.value);
      }
    }
    // kube-scheduler leaves what it ignores to others; nobody but us looks after a virtual node.
    for (const auto& [resource, amount] : model_.footprint(pod_class.footprint).scalars) {
      const std::string name(model_.resource_name(resource));
      if (model_.profiles[pod_class.profile].Ignores(name) && !node.Offers(resource)) return "Insufficient " + name;
    }
    for (const Filter* filter : Filters()) {
      if (DependsOnUsage(*filter) || filter->name() == "NodeUnschedulable" || filter->name() == "TaintToleration")
        continue;
      if (!filter->Admits(Ask(pod_class), index)) return filter->Explain(Ask(pod_class), index).front();
    }
    return {};
  }

  bool NoneCanRun(const PodClass& pod_class) const {
    return !nodes_.empty() && std::all_of(nodes_.begin(), nodes_.end(), [&](NodeIndex index) {
      const auto& offer = model_.node(index).offer;
      return offer && !WhyItCannotRun(model_, pod_class, *offer).empty();
    });
  }

  bool IsFence(const kube::Taint& taint) const {
    const auto& keys = options_.overflow_taints;
    return taint.effect == kube::TaintEffect::kNoSchedule &&
           std::find(keys.begin(), keys.end(), taint.key) != keys.end();
  }

  bool FitsNow(const PodClass& pod_class, NodeIndex node) const {
    for (const Filter* filter : Filters()) {
      if (DependsOnUsage(*filter) && !filter->Admits(Ask(pod_class), node)) return false;
    }
    return true;
  }

  Candidate Weigh(const PodRecord& record, const PodClass& pod_class, NodeIndex index) const {
    const NodeRecord& node = model_.node(index);
    const Footprint& footprint = model_.footprint(pod_class.footprint);
    const std::size_t i = index.value();
    Candidate candidate{.share = {}, .replicas = 0, .order = node.rank, .node = index};
    const auto consider = [&](std::int64_t allocatable, std::int64_t free, std::int64_t request) {
      if (allocatable <= 0) return;
      const Share share{Plus(Minus(allocatable, free), request), allocatable};
      if (candidate.share < share) candidate.share = share;
    };
    consider(node.pods, usage().free_pods[i], 1);
    consider(node.milli_cpu, usage().free_milli_cpu[i], footprint.milli_cpu);
    consider(node.memory, usage().free_memory[i], footprint.memory);
    if (record.owner.valid()) {
      const std::uint64_t key = Cluster::Model::OwnerKey(record.owner, index);
      for (const auto* counts : {&model_.owners_on_virtual, &placed_}) {
        if (const auto found = counts->find(key); found != counts->end()) candidate.replicas += found->second;
      }
    }
    return candidate;
  }

  // `best` is sorted as far as it is shown; `among`: how many virtual nodes were asked.
  std::string WhyThere(const std::vector<Candidate>& best, std::size_t among) const {
    const std::string of = std::to_string(among);
    if (best.size() == 1) {
      return among == 1 ? "the only virtual node" : "the only one of " + of + " virtual nodes that fits";
    }
    std::vector<Candidate> equal;
    std::copy_if(best.begin(), best.end(), std::back_inserter(equal),
                 [&](const Candidate& candidate) { return candidate.share == best.front().share; });
    std::sort(equal.begin(), equal.end());
    if (equal.size() == among) {
      return "chosen of " + of + " with equal quota used (" + best[0].share.Percent() + "): " + AmongEqual(equal);
    }
    std::string why = "chosen of " + of + " by quota used (" + best[0].share.Percent();
    for (std::size_t i = 1; i < std::min(best.size(), kShown); ++i) {
      why += (best[i - 1].share == best[i].share ? " = " : " < ") + best[i].share.Percent();
    }
    why += best.size() > kShown ? ", ...)" : ")";
    return equal.size() == 1 ? why : why + ", of the equal " + NamesOf(equal) + " " + AmongEqual(equal);
  }

  // What decided between nodes with equal shares; sorted.
  static std::string AmongEqual(const std::vector<Candidate>& equal) {
    const std::uint64_t fewest = equal.front().replicas;
    if (equal.back().replicas == fewest) return "first by name";
    const auto more = std::find_if(equal.begin(), equal.end(), [&](const Candidate& c) { return c.replicas > fewest; });
    const std::string why =
        "fewest replicas of its owner (" + std::to_string(fewest) + " < " + std::to_string(more->replicas) + ")";
    return more - equal.begin() == 1 ? why : why + ", then first by name";
  }

  // By name, however they are sorted.
  std::string NamesOf(std::vector<Candidate> some) const {
    std::sort(some.begin(), some.end(), [](const Candidate& a, const Candidate& b) { return a.order < b.order; });
    std::string names;
    for (std::size_t i = 0; i < std::min(some.size(), kShown); ++i) {
      names += (i == 0 ? "" : ", ") + model_.node(some[i].node).name;
    }
    return some.size() > kShown ? names + " and " + std::to_string(some.size() - kShown) + " more" : names;
  }

  std::string WhyNowhere(const PodClass& pod_class, const std::vector<std::string>& refusals) const {
    if (nodes_.empty()) return "0/0 virtual nodes fit: there are none";
    Tally tally;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!refusals[i].empty()) {
        tally.Add(refusals[i], 1);
        continue;
      }
      for (const Filter* filter : Filters()) {
        if (!DependsOnUsage(*filter) || filter->Admits(Ask(pod_class), nodes_[i])) continue;
        for (const std::string& reason : filter->Explain(Ask(pod_class), nodes_[i])) tally.Add(reason, 1);
        break;
      }
    }
    std::vector<ReasonCount> counts = tally.counts();
    std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.nodes > b.nodes; });
    std::string why = "0/" + std::to_string(nodes_.size()) + " virtual nodes fit: ";
    for (std::size_t i = 0; i < counts.size(); ++i) {
      why += (i == 0 ? "" : ", ") + std::to_string(counts[i].nodes) + " " + counts[i].reason;
    }
    return why;
  }

  const Cluster::Model& model_;
  const SpreadOptions& options_;
  std::optional<Usage> changed_;      // the model's, and what was placed here; a copy is made for those that follow
  std::vector<NodeIndex> nodes_;      // virtual, by name
  std::vector<std::size_t> pool_of_;  // of each; without pools empty
  std::unordered_map<ClassIndex, std::vector<std::string>> refusals_;
  std::unordered_map<std::uint64_t, std::uint32_t> placed_;  // Model::OwnerKey(): in this call
};

Spreader::Spreader(const Cluster& cluster, const SpreadOptions& options)
    : impl_(std::make_unique<Impl>(cluster, options)) {}
Spreader::~Spreader() = default;
Placement Spreader::Place(PodIndex pod, const Objects& objects) { return impl_->Place(pod, objects); }
void Spreader::Count(const Placement& placement) { impl_->Count(placement); }

std::vector<Placement> Spread(const Cluster& cluster, std::span<const PodIndex> pods, const SpreadOptions& options) {
  Spreader spreader(cluster, options);
  std::vector<Placement> placements;
  placements.reserve(pods.size());
  for (const PodIndex pod : pods) {
    if (!placements.empty()) spreader.Count(placements.back());
    placements.push_back(spreader.Place(pod));
  }
  return placements;
}

}  // namespace spillway::sim
