#include "scheduler_sim/lost_nodes.h"

#include <gtest/gtest.h>

#include "scheduler_sim/testing/scenario.h"

namespace spillway::sim::testing {
namespace {

// What is lost to the Pod p, which fits nowhere: "2 not ready, 1 cordoned".
std::string LostTo(std::string_view text) {
  const Scenario scenario(text);
  const Verdict verdict = sim::Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal);
  return verdict.why_not ? verdict.why_not->LostText() : "it fits";
}

struct LostCase {
  const char* name;
  const char* text;
  const char* lost;
};

void CheckLost(std::initializer_list<LostCase> cases) {
  for (const LostCase& c : cases) EXPECT_EQ(LostTo(c.text), c.lost) << c.name;
}

TEST(LostNodes, EveryStateThatKubernetesKeepsPodsOffFor) {
  CheckLost(
      {{"cordon", "node a cordoned\npod p", "1 cordoned"},
       {"cordon by taint", "node a taint=node.kubernetes.io/unschedulable:NoSchedule\npod p", "1 cordoned"},
       {"not ready", "node a taint=node.kubernetes.io/not-ready:NoSchedule\npod p", "1 not ready"},
       {"unreachable", "node a taint=node.kubernetes.io/unreachable:NoExecute\npod p", "1 unreachable"},
       {"memory", "node a taint=node.kubernetes.io/memory-pressure:NoSchedule\npod p", "1 under memory pressure"},
       {"disk", "node a taint=node.kubernetes.io/disk-pressure:NoSchedule\npod p", "1 under disk pressure"},
       {"PIDs", "node a taint=node.kubernetes.io/pid-pressure:NoSchedule\npod p", "1 under PID pressure"},
       {"network", "node a taint=node.kubernetes.io/network-unavailable:NoSchedule\npod p", "1 without network"},
       {"service", "node a taint=node.kubernetes.io/out-of-service:NoExecute\npod p", "1 out of service"},
       {"new", "node a taint=node.cloudprovider.kubernetes.io/uninitialized:NoSchedule\npod p", "1 not initialized"},
       {"an owner's own taint", "node a taint=maintenance:NoExecute\npod p", ""},
       {"another of Kubernetes' names", "node a taint=node.kubernetes.io/exclude-balancing:NoSchedule\npod p", ""}});
}

TEST(LostNodes, ANodeCountsOnceForTheGravestThatThePodDoesNotTolerate) {
  constexpr const char* kBoth =
      "node a cordoned taint=node.kubernetes.io/unschedulable:NoSchedule "
      "taint=node.kubernetes.io/not-ready:NoSchedule\n";
  EXPECT_EQ(LostTo(std::string(kBoth) + "pod p"), "1 not ready");
  EXPECT_EQ(LostTo(std::string(kBoth) + "pod p tolerate=node.kubernetes.io/not-ready"), "1 cordoned");
  EXPECT_EQ(LostTo("node a cordoned\nnode b taint=node.kubernetes.io/not-ready:NoSchedule\n"
                   "node c taint=node.kubernetes.io/not-ready:NoExecute\npod p"),
            "2 not ready, 1 cordoned");
}

TEST(LostNodes, NodesThatOtherConstraintsExcludeAreNoLoss) {
  CheckLost({{"nodeSelector", "node a cordoned\nnode b taint=gpu:NoSchedule\npod p select=zone=z1", ""},
             {"an owner's taint besides", "node a cordoned taint=gpu:NoSchedule\npod p", ""},
             {"pinned elsewhere", "node a cordoned\nnode b taint=gpu:NoSchedule\npod p pin=b", ""},
             {"a port taken", "node a cordoned\npod o on=a port=80\npod p port=80", ""},
             {"anti-affinity", "node a cordoned\npod o on=a label=app=web\npod p anti=hostname:app=web", ""},
             {"only the one that is selected",
              "node a cordoned label=zone=z1\nnode b cordoned label=zone=z2\npod p select=zone=z2", "1 cordoned"},
             {"a virtual one",
              "node a taint=gpu:NoSchedule\nvirtual v cordoned\npod p tolerate=virtual-kubelet.io/provider", ""}});
}

TEST(LostNodes, ResourcesAreLeftAside) {
  EXPECT_EQ(LostTo("node a cordoned cpu=1\npod p cpu=2"), "1 cordoned");
  EXPECT_EQ(LostTo("node a cordoned\nnode b cpu=1\npod p cpu=2"), "") << "short already: it is not worked out";
}

}  // namespace
}  // namespace spillway::sim::testing
