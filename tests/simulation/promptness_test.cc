#include "tests/simulation/promptness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulation/naive_spread.h"

namespace spillway::simulation {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

kube::ResourceList Amounts(const std::string& cpu) {
  return {{"cpu", *kube::Quantity::Parse(cpu)},
          {"memory", *kube::Quantity::Parse("64Gi")},
          {"pods", *kube::Quantity::Parse("110")}};
}

kube::Node NodeOf(const std::string& name, const std::string& cpu, bool is_virtual) {
  kube::Node node;
  node.metadata.name = node.metadata.uid = name;
  node.allocatable = Amounts(cpu);
  node.ready = true;
  if (is_virtual) node.metadata.labels.emplace_back("type", "virtual-kubelet");
  return node;
}

kube::Pod PodOf(const std::string& name, const std::string& cpu) {
  kube::Pod pod;
  pod.metadata.name = pod.metadata.uid = name;
  pod.metadata.ns = "default";
  pod.scheduler_name = "default-scheduler";
  kube::OwnerReference owner;
  owner.kind = "ReplicaSet";
  owner.uid = "web";
  owner.controller = true;
  pod.metadata.owner_references.push_back(owner);
  kube::Container container;
  container.requests = {{"cpu", *kube::Quantity::Parse(cpu)}};
  pod.containers.push_back(container);
  return pod;
}

// Three Pods, and room for one.
class PromptnessTest : public ::testing::Test {
 protected:
  PromptnessTest() {
    objects_.nodes = {NodeOf("real", "2", false), NodeOf("v0", "1000", true)};
    for (const char* name : {"a", "b", "c"}) objects_.pods.push_back(PodOf(name, "2"));
  }
  void LookFor(int seconds, const std::set<std::string>& tried = {}) {
    for (int i = 0; i < seconds; ++i, now_ += 1s)
      promptness_.Look(objects_, now_, [&](const std::string& uid) { return tried.contains(uid); });
  }

  Objects objects_;
  Instant now_{};
  Promptness promptness_{5s};
};

TEST_F(PromptnessTest, ThoseWithoutRoomMustNotWait) {
  LookFor(5);
  EXPECT_THAT(promptness_.late(), IsEmpty());
  LookFor(5);
  ASSERT_THAT(promptness_.late(), SizeIs(1));
  EXPECT_THAT(promptness_.late()[0], HasSubstr("2 of 3 Pods like default/"));
}

TEST_F(PromptnessTest, WhoHasRoomMayWaitForIt) {
  LookFor(20, {"b", "c"});
  EXPECT_THAT(promptness_.late(), IsEmpty());
}

TEST_F(PromptnessTest, TimeThatIsExcusedDoesNotCount) {
  for (int i = 0; i < 5; ++i) {
    LookFor(4);
    promptness_.Excuse();
  }
  EXPECT_THAT(promptness_.late(), IsEmpty());
}

TEST_F(PromptnessTest, NobodyIsLateWithoutAVirtualNode) {
  objects_.nodes[1].cloud_unreachable = true;
  LookFor(20);
  EXPECT_THAT(promptness_.late(), IsEmpty());
}

TEST(NaiveSpread, ANodeWithClearlyMoreInUseIsNoFairChoice) {
  Objects objects;
  objects.nodes = {NodeOf("v0", "1000", true), NodeOf("v1", "1000", true)};
  const kube::Pod next = PodOf("next", "2");
  EXPECT_EQ(WhyUneven(objects, next, "v0"), std::nullopt);
  for (int i = 0; i < 10; ++i) {
    objects.pods.push_back(PodOf("p" + std::to_string(i), "2"));
    objects.pods.back().node_name = "v0";
  }
  EXPECT_THAT(WhyUneven(objects, next, "v0").value_or(""), HasSubstr("v0 has"));
  EXPECT_EQ(WhyUneven(objects, next, "v1"), std::nullopt);
  objects.nodes[1].unschedulable = true;
  EXPECT_EQ(WhyUneven(objects, next, "v0"), std::nullopt) << "the other takes nothing";
}

}  // namespace
}  // namespace spillway::simulation
