#include "scheduler_sim/testing/random_history.h"

#include <algorithm>
#include <ostream>
#include <string>

#include "scheduler_sim/testing/random_storage.h"

namespace spillway::sim::testing {

Objects RandomCluster::Make() const {
  Objects objects;
  for (std::size_t i = 0; i < std::min<std::size_t>(nodes.size(), 6); ++i) {
    objects.nodes.push_back(NodeFrom(static_cast<int>(i), nodes[i]));
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(pods.size(), 24); ++i) {
    objects.pods.push_back(PodFrom(static_cast<int>(i), pods[i]));
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(namespaces.size(), 3); ++i) {
    objects.namespaces.push_back(NamespaceFrom(static_cast<int>(i), namespaces[i]));
  }
  Cluster scratch{ClusterOptions()};
  for (std::size_t i = 0; i < std::min<std::size_t>(storage.size(), 24); ++i) {
    const Genes& genes = storage[i];
    if (genes.size() < 2) continue;
    UpsertStorage(genes[0] % kStorageKinds, genes[1], Genes(genes.begin() + 2, genes.end()), objects, scratch);
  }
  for (std::size_t i = 0; i < std::min(volumes.size(), objects.pods.size()); ++i) {
    AddVolumes(volumes[i], objects.pods[i]);
  }
  if (scheduler.empty()) return objects;
  objects.scheduler = SchedulerFrom(scheduler);
  for (std::size_t i = 2; i < objects.pods.size(); i += 3) objects.pods[i].scheduler_name = "other";
  for (std::size_t i = 0; i < std::min<std::size_t>(selecting.size(), 18); ++i) {
    objects.selecting.push_back(SelectingFrom(static_cast<int>(i), selecting[i]));
  }
  if (scheduler.size() % 8 == 0) objects.device_classes = {{.metadata = {}, .extended_resource = "example.com/gpu"}};
  return objects;
}

void showValue(const RandomCluster& cluster, std::ostream& out) {
  const auto show = [&](const char* what, const std::vector<Genes>& all) {
    for (const Genes& genes : all) {
      out << what;
      for (const auto gene : genes) out << ' ' << static_cast<int>(gene);
      out << '\n';
    }
  };
  show("node", cluster.nodes);
  show("pod", cluster.pods);
  show("namespace", cluster.namespaces);
  show("selecting", cluster.selecting);
  show("scheduler", {cluster.scheduler});
  show("storage", cluster.storage);
  show("volumes", cluster.volumes);
}

ClusterOptions Options(const SchedulerConfig& scheduler) {
  ClusterOptions options;
  options.scheduler = scheduler;
  return options;
}

void LoadRest(const Objects& objects, Cluster& cluster) {
  for (const auto& [kind, object] : objects.selecting) cluster.Upsert(kind, object);
  for (const SelectingKind kind : kSelectingKinds) cluster.MarkListed(kind);
  for (const kube::DeviceClass& device_class : objects.device_classes) cluster.Upsert(device_class);
}

Cluster Load(const Objects& objects) {
  Cluster cluster(Options(objects.scheduler));
  LoadRest(objects, cluster);
  for (const kube::Namespace& ns : objects.namespaces) cluster.Upsert(ns);
  for (const kube::Node& node : objects.nodes) cluster.Upsert(node);
  for (const kube::Pod& pod : objects.pods) cluster.Upsert(pod);
  LoadStorage(objects, cluster);
  return cluster;
}

void ApplyChange(const Genes& genes, Objects& objects, Cluster& cluster) {
  if (genes.size() < 3) return;
  const auto replace = [](auto& list, auto object) {
    std::erase_if(list, [&](const auto& other) { return other.metadata.name == object.metadata.name; });
    list.push_back(std::move(object));
  };
  const Genes rest(genes.begin() + 3, genes.end());
  switch (genes[0] % 14) {
    case 0:
      std::erase_if(objects.nodes,
                    [&](const auto& n) { return n.metadata.name == "n" + std::to_string(genes[1] % 6); });
      cluster.RemoveNode("n" + std::to_string(genes[1] % 6));
      break;
    case 1:
      replace(objects.nodes, NodeFrom(genes[1] % 6, rest));
      cluster.Upsert(objects.nodes.back());
      break;
    case 2:
    case 3:
      std::erase_if(objects.pods,
                    [&](const auto& p) { return p.metadata.name == "p" + std::to_string(genes[1] % 24); });
      cluster.RemovePod("p" + std::to_string(genes[1] % 24));
      break;
    case 4:
      replace(objects.namespaces, NamespaceFrom(genes[1] % 3, rest));
      cluster.Upsert(objects.namespaces.back());
      break;
    case 8:
    case 9: {
      auto [kind, object] = SelectingFrom(genes[1] % 18, rest);
      std::erase_if(objects.selecting,
                    [&](const auto& other) { return other.second.metadata.uid == object.metadata.uid; });
      if (genes[0] % 14 == 8) {
        cluster.RemoveSelecting(kind, object.metadata.uid);
      } else {
        cluster.Upsert(kind, object);
        objects.selecting.emplace_back(kind, std::move(object));
      }
      break;
    }
    case 10:
    case 11:
      UpsertStorage(genes[2] % kStorageKinds, genes[1], rest, objects, cluster);
      break;
    case 12:
      RemoveStorage(genes[2] % kStorageKinds, genes[1], objects, cluster);
      break;
    default:
      replace(objects.pods, PodFrom(genes[1] % 24, rest));
      if (genes[2] % 2 != 0) AddVolumes(Genes(rest.rbegin(), rest.rend()), objects.pods.back());
      cluster.Upsert(objects.pods.back());
      break;
  }
}

}  // namespace spillway::sim::testing
