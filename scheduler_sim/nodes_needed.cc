#include "scheduler_sim/nodes_needed.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "scheduler_sim/filter.h"
#include "scheduler_sim/filters/claim_binder.h"
#include "scheduler_sim/model/model.h"

namespace spillway::sim {
namespace {

// Pods of one class: every filter judges them alike.
struct Batch {
  ClassIndex pod_class;
  std::vector<PodIndex> pods;
  double share = 0;
};

// A stretch of new nodes that hold the same; the model has only one of them.
struct Shelf {
  struct Content {
    const Batch* batch;
    std::size_t pods;
  };
  NodeIndex sample;
  std::size_t nodes = 1;
  std::vector<Content> contents;
};

class Estimate {
 public:
  Estimate(const Cluster::Model& model, const kube::Node& shape, std::size_t most)
      : model_(model), shape_(shape), most_(most) {}

  NodesNeeded Run(std::span<const PodIndex> pods) {
    MakeBatches(pods);
    const bool topological = std::any_of(batches_.begin(), batches_.end(), [&](const Batch& batch) {
      const PodClass& pod_class = model_.pod_class(batch.pod_class);
      return pod_class.topological() || model_.volumes_of(pod_class) != nullptr;
    });
    for (const Batch& batch : batches_) topological ? PlaceOneByOne(batch) : PlaceAtOnce(batch);
    return std::move(result_);
  }

 private:
  void MakeBatches(std::span<const PodIndex> pods) {
    std::unordered_map<std::uint32_t, std::size_t> batch_of;
    for (const PodIndex pod : pods) {
      const PodRecord& record = model_.pod(pod);
      if (record.bound || IsUndecidable(model_.pod_class(record.pod_class))) {
        result_.left_over.push_back(pod);
        continue;
      }
      const auto [at, is_new] = batch_of.try_emplace(record.pod_class.value(), batches_.size());
      if (is_new) batches_.push_back({record.pod_class, {}, ShareOf(record.footprint)});
      batches_[at->second].pods.push_back(pod);
    }
    std::stable_sort(batches_.begin(), batches_.end(),
                     [](const Batch& a, const Batch& b) { return a.share > b.share; });
  }

  // Source: decreasing_pod_orderer.go calculatePodScore.
  double ShareOf(FootprintId id) const {
    const Footprint& footprint = model_.footprint(id);
    const NodeCapacity capacity = CapacityOf(shape_);
    double share = 0;
    if (capacity.milli_cpu > 0) {
      share += static_cast<double>(footprint.milli_cpu) / static_cast<double>(capacity.milli_cpu);
    }
    if (capacity.memory > 0) share += static_cast<double>(footprint.memory) / static_cast<double>(capacity.memory);
    return share;
  }

  NodeIndex AddNode() {
    kube::Node node = shape_;
    do {
      node.metadata.name = shape_.metadata.name + "-" + std::to_string(++names_);
    } while (model_.names.Find(node.metadata.name));
    node.metadata.uid = node.metadata.name;
    node.ready = true;
    for (auto& [key, value] : node.metadata.labels) {
      if (key == "kubernetes.io/hostname") value = node.metadata.name;
    }
    model_.UpsertNode(node);
    return *model_.names.Find(node.metadata.name);
  }

  Question Ask(const Batch& batch) const { return {model_, model_.usage, model_.pod_class(batch.pod_class)}; }
  bool Takes(const Batch& batch, NodeIndex node) const {
    NodeSet only;
    only.Add(node);
    return !Evaluate(Ask(batch), only).feasible.empty();
  }
  void Place(const Batch& batch, IdentityId identity, NodeIndex node) {
    if (model_.volumes_of(model_.pod_class(batch.pod_class)) != nullptr) {
      VolumeUsage& volumes = model_.usage.ChangeableVolumes();
      const Question question = Ask(batch);
      ClaimBinder(question).Assume(node, volumes);
    }
    model_.Place(model_.usage, model_.pod_class(batch.pod_class).footprint, identity, node);
  }

  // Any will do where no Pod cares about others.
  IdentityId IdentityOf(const Batch& batch) const { return model_.pod(batch.pods.front()).identity; }

  bool IsUndecidable(const PodClass& of) const { return !model_.undecidable(of).empty() || !of.asks.empty(); }

  // Where no Pod cares about others, equal nodes fill up equally: one of them is filled for all.
  void PlaceAtOnce(const Batch& batch) {
    if (shelves_.empty() && most_ > 0) shelves_.push_back({AddNode(), most_, {}});
    std::size_t placed = 0;
    for (std::size_t i = 0; i < shelves_.size() && placed < batch.pods.size(); ++i) {
      placed += FillShelf(i, batch, batch.pods.size() - placed);
    }
    NotePlaced(batch, placed);
  }

  // Fills whole nodes, or one in part, with at most `pods`; nodes that get less, or nothing, become the next shelf.
  // Returns how many Pods it took.
  std::size_t FillShelf(std::size_t index, const Batch& batch, std::size_t pods) {
    const Shelf before = shelves_[index];
    std::size_t each = 0;
    for (; each < pods && Takes(batch, before.sample); ++each) Place(batch, IdentityOf(batch), before.sample);
    if (each == 0) return 0;
    const std::size_t filled = std::min(before.nodes, pods / each);
    if (before.contents.empty()) result_.nodes += filled;
    shelves_[index].nodes = filled;
    shelves_[index].contents.push_back({&batch, each});
    if (filled < before.nodes) {
      const auto next = shelves_.begin() + static_cast<std::ptrdiff_t>(index) + 1;
      shelves_.insert(next, {SampleOf(before.contents), before.nodes - filled, before.contents});
    }
    return filled * each;
  }

  NodeIndex SampleOf(const std::vector<Shelf::Content>& contents) {
    const NodeIndex sample = AddNode();
    for (const Shelf::Content& content : contents) {
      for (std::size_t i = 0; i < content.pods; ++i) Place(*content.batch, IdentityOf(*content.batch), sample);
    }
    return sample;
  }

  void PlaceOneByOne(const Batch& batch) {
    std::size_t placed = 0, full = 0;  // so many nodes, from the first on, have no room for this class any more
    for (; placed < batch.pods.size(); ++placed) {
      NodeIndex node = FirstThatTakes(batch, full);
      if (!node.valid()) node = NewNodeThatTakes(batch);
      if (!node.valid()) break;  // nor would it take the next of the class
      Place(batch, model_.pod(batch.pods[placed]).identity, node);
    }
    NotePlaced(batch, placed);
  }

  NodeIndex FirstThatTakes(const Batch& batch, std::size_t& full) const {
    for (std::size_t i = full; i < nodes_.size(); ++i) {
      if (!Admits(Ask(batch), nodes_[i], Filter::Scope::kNode)) {
        if (i == full) ++full;
      } else if (Takes(batch, nodes_[i])) {
        return nodes_[i];
      }
    }
    return {};
  }

  NodeIndex NewNodeThatTakes(const Batch& batch) {
    if (nodes_.size() == most_) return {};
    const NodeIndex node = AddNode();
    if (!Takes(batch, node)) {
      const std::string uid = model_.node(node).uid;
      model_.RemoveNode(uid);
      return {};
    }
    nodes_.push_back(node);
    ++result_.nodes;
    return node;
  }

  void NotePlaced(const Batch& batch, std::size_t placed) {
    result_.placed += placed;
    result_.left_over.insert(result_.left_over.end(), batch.pods.begin() + static_cast<std::ptrdiff_t>(placed),
                             batch.pods.end());
  }

  Cluster::Model model_;  // a copy, to place Pods in
  const kube::Node& shape_;
  const std::size_t most_;
  std::vector<Batch> batches_;
  std::vector<Shelf> shelves_;
  std::vector<NodeIndex> nodes_;  // of PlaceOneByOne
  std::size_t names_ = 0;
  NodesNeeded result_;
};

}  // namespace

NodesNeeded CountNodesNeeded(const Cluster& cluster, std::span<const PodIndex> pods, const kube::Node& shape,
                             std::size_t most) {
  return Estimate(cluster.model(), shape, most).Run(pods);
}

}  // namespace spillway::sim
