#include "scheduler_sim/model/requests.h"

#include <gtest/gtest.h>

#include "scheduler_sim/testing/scenario_fields.h"

namespace spillway::sim {
namespace {

using kube::Quantity;
using kube::ResourceList;

ResourceList List(std::initializer_list<std::pair<const char*, const char*>> entries) {
  ResourceList list;
  for (const auto& [name, amount] : entries) list.emplace_back(name, *Quantity::Parse(amount));
  std::sort(list.begin(), list.end());
  return list;
}

kube::Pod PodOf(const std::vector<std::string>& fields) { return testing::MakePod("p", fields); }

PodRequests Pending(const kube::Pod& pod, int minor = 36) { return PendingRequests(pod, Semantics::Of(minor)); }
PodRequests Placed(const kube::Pod& pod, int minor = 36) { return PlacedRequests(pod, Semantics::Of(minor)); }

TEST(Requests, ContainersAreSummedExactlyAndRoundedUpOnce) {
  kube::Pod pod = PodOf({"cpu=0.5m", "mem=100.5"});
  pod.containers.push_back(pod.containers.front());
  EXPECT_EQ(Pending(pod).milli_cpu, 1);
  EXPECT_EQ(Pending(pod).memory, 201);
}

TEST(Requests, TheLargestInitContainerCountsWhenItExceedsTheSum) {
  EXPECT_EQ(Pending(PodOf({"cpu=1", "init=cpu:3", "init=cpu:2"})).milli_cpu, 3000);
  EXPECT_EQ(Pending(PodOf({"cpu=1", "init=cpu:500m"})).milli_cpu, 1000);
  const PodRequests mixed = Pending(PodOf({"cpu=2", "mem=1Gi", "init=cpu:1,mem:3Gi"}));
  EXPECT_EQ(mixed.milli_cpu, 2000);
  EXPECT_EQ(mixed.memory, 3LL << 30);
}

TEST(Requests, SidecarsRunBesideLaterInitContainersAndTheMainOnes) {
  EXPECT_EQ(Pending(PodOf({"cpu=1", "sidecar=cpu:1"})).milli_cpu, 2000);
  // The ordinary one runs while the first sidecar does, not the second.
  EXPECT_EQ(Pending(PodOf({"cpu=1", "sidecar=cpu:2", "init=cpu:5", "sidecar=cpu:3"})).milli_cpu, 7000);
  EXPECT_EQ(Pending(PodOf({"cpu=1", "init=cpu:5", "sidecar=cpu:3"})).milli_cpu, 5000);
}

TEST(Requests, OverheadIsAddedOnTop) {
  EXPECT_EQ(Pending(PodOf({"cpu=1", "init=cpu:3", "overhead=cpu:250m"})).milli_cpu, 3250);
}

TEST(Requests, PodLevelRequestsReplaceTheSumSince134) {
  kube::Pod pod = PodOf({"cpu=1", "mem=1Gi", "example.com/gpu=2", "overhead=cpu:100m"});
  pod.pod_level_requests = List({{"cpu", "4"}, {"example.com/gpu", "9"}});
  EXPECT_EQ(Pending(pod, 34).milli_cpu, 4100);
  EXPECT_EQ(Pending(pod, 34).memory, 1LL << 30);
  EXPECT_EQ(Pending(pod, 34).scalars.front().second, 2);
  EXPECT_EQ(Pending(pod, 33).milli_cpu, 1100);
}

TEST(Requests, AResizedContainerCountsItsLargestAmount) {
  kube::Pod pod = PodOf({"cpu=1", "on=a"});
  pod.container_statuses = {{"main", List({{"cpu", "2"}}), List({{"cpu", "3"}})}};
  EXPECT_EQ(Placed(pod).milli_cpu, 3000);
  EXPECT_EQ(Placed(pod, 32).milli_cpu, 1000) << "resizes came with 1.33";
  EXPECT_EQ(Pending(pod).milli_cpu, 1000);
  pod.container_statuses = {{"main", List({{"cpu", "2"}}), List({{"cpu", "500m"}})}};
  pod.containers.front().requests = List({{"cpu", "4"}});
  EXPECT_EQ(Placed(pod).milli_cpu, 4000);
  pod.resize_infeasible = true;
  EXPECT_EQ(Placed(pod).milli_cpu, 2000);
}

TEST(Requests, AStatusWithoutResourcesSaysNothing) {
  kube::Pod pod = PodOf({"cpu=1", "on=a"});
  pod.container_statuses = {{"main", std::nullopt, List({{"cpu", "3"}})}};
  EXPECT_EQ(Placed(pod).milli_cpu, 1000);
}

TEST(Requests, SidecarsAreResizedButOrdinaryInitContainersAreNot) {
  kube::Pod pod = PodOf({"cpu=1", "sidecar=cpu:1", "init=cpu:1", "on=a"});
  pod.init_container_statuses = {{"init-0", List({{"cpu", "2"}}), {}}, {"init-1", List({{"cpu", "9"}}), {}}};
  EXPECT_EQ(Placed(pod).milli_cpu, 3000);
}

TEST(Requests, PodLevelResizeCountsSince136) {
  kube::Pod pod = PodOf({"cpu=1", "on=a"});
  pod.pod_level_requests = List({{"cpu", "2"}});
  pod.pod_status_requests = List({{"cpu", "3"}});
  pod.pod_allocated_resources = List({{"cpu", "2500m"}});
  EXPECT_EQ(Placed(pod, 36).milli_cpu, 3000);
  EXPECT_EQ(Placed(pod, 35).milli_cpu, 2000);
}

TEST(Requests, ScoresAssumeSomethingForContainersThatAskForNothing) {
  const PodRequests none = Pending(PodOf({}));
  EXPECT_EQ(none.milli_cpu, 0);
  EXPECT_EQ(none.scored_milli_cpu, 100);
  EXPECT_EQ(none.scored_memory, 200LL << 20);
  EXPECT_EQ(Pending(PodOf({"cpu=0"})).scored_milli_cpu, 0);
}

TEST(Requests, OnlyResourcesThatNodesCanHaveAreKept) {
  struct Case {
    const char* name;
    bool scalar;
  };
  for (const Case& c :
       {Case{"nvidia.com/gpu", true}, Case{"hugepages-2Mi", true}, Case{"attachable-volumes-csi", true},
        Case{"kubernetes.io/odd", true}, Case{"storage", false}, Case{"requests.cpu", false},
        Case{"requests.example.com/gpu", false}, Case{"-bad.com/gpu", false}, Case{"Bad.com/gpu", false},
        Case{"example.com/-gpu", false}, Case{"example.com/", false}, Case{"/gpu", false}, Case{"a.b/c/d", false},
        Case{"example.com/G_p.u", true}, Case{"exa-.com/gpu", false}}) {
    EXPECT_EQ(IsScalarResource(c.name), c.scalar) << c.name;
  }
}

TEST(Requests, AllocatableIsReadAsKubeSchedulerReadsIt) {
  kube::Node node;
  node.allocatable = List({{"cpu", "3920m"},
                           {"memory", "15842940Ki"},
                           {"pods", "29"},
                           {"hugepages-2Mi", "0"},
                           {"nvidia.com/gpu", "1500m"},
                           {"example.com/gone", "0"},
                           {"storage", "5"}});
  const NodeCapacity capacity = CapacityOf(node);
  EXPECT_EQ(capacity.milli_cpu, 3920);
  EXPECT_EQ(capacity.memory, 15842940LL * 1024);
  EXPECT_EQ(capacity.pods, 29);
  using Scalar = std::pair<std::string_view, std::int64_t>;
  EXPECT_EQ(capacity.scalars, (std::vector<Scalar>{{"example.com/gone", 0}, {"nvidia.com/gpu", 2}}));
}

}  // namespace
}  // namespace spillway::sim
