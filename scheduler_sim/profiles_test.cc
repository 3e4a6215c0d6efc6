#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler_sim/packing.h"
#include "scheduler_sim/spread_balancer.h"
#include "scheduler_sim/testing/matchers.h"
#include "scheduler_sim/testing/scenario.h"

// Parts of kube-scheduler's configuration that ask for more than the Pod and the nodes: what selects a Pod, extenders,
// device classes.
namespace spillway::sim {
namespace {

using ::testing::AllOf;
using testing::Fits;
using testing::FitsNowhere;
using ::testing::HasSubstr;
using testing::IsUndecidable;
using testing::Judge;
using testing::On;
using testing::Scenario;

ClusterOptions SpreadOverZones() {
  kube::TopologySpreadConstraint constraint;
  constraint.topology_key = "zone";
  constraint.match_label_keys = {"app"};  // lost: the selector is replaced
  ClusterOptions options;
  options.scheduler.profiles[0].default_constraints = {constraint};
  return options;
}

kube::SelectingObject Selecting(const std::string& name, const std::string& app) {
  kube::SelectingObject object;
  object.metadata.ns = "default";
  object.metadata.name = object.metadata.uid = name;
  object.selector = kube::LabelSelector{{{"app", app}}, {}};
  return object;
}

// Two Pods are in z1 already, and z2 is full.
constexpr std::string_view kLopsided = R"(
  node a  label=zone=z1
  node b  label=zone=z2 pods=0
  pod  x  on=a label=app=web
  pod  y  on=a label=app=web
  pod  p  label=app=web owner=ReplicaSet/web
)";
constexpr const char* kSkewed =
    "0/2 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread constraints.";

std::string MessageFor(const Scenario& scenario) {
  const Verdict verdict = sim::Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kAll);
  if (verdict.kind == Verdict::Kind::kUndecidable) return verdict.undecidable;
  return verdict.why_not ? verdict.why_not->SchedulerMessage() : "";
}

TEST(DefaultSpread, WithoutWhatSelectsThePodNothingIsKnown) {
  Scenario scenario(kLopsided, SpreadOverZones());
  EXPECT_THAT(MessageFor(scenario), HasSubstr("go by what selects it, and no services are known"));
  scenario.cluster.MarkListed(SelectingKind::kService);
  EXPECT_THAT(MessageFor(scenario), HasSubstr("no replicasets are known"));
  scenario.cluster.MarkListed(SelectingKind::kReplicaSet);
  EXPECT_EQ(MessageFor(scenario), "");  // nothing selects it: it is not spread
}

TEST(DefaultSpread, FollowsServicesAndOwnersAsTheyComeAndGo) {
  Scenario scenario(kLopsided, SpreadOverZones());
  for (const SelectingKind kind : kSelectingKinds) scenario.cluster.MarkListed(kind);
  EXPECT_EQ(MessageFor(scenario), "");

  const std::uint64_t before = scenario.cluster.relaxations();
  scenario.cluster.Upsert(SelectingKind::kService, Selecting("svc", "web"));
  EXPECT_EQ(MessageFor(scenario), kSkewed);
  EXPECT_GT(scenario.cluster.relaxations(), before);
  scenario.cluster.Upsert(SelectingKind::kService, Selecting("svc", "db"));
  EXPECT_EQ(MessageFor(scenario), "");

  scenario.cluster.Upsert(SelectingKind::kReplicaSet, Selecting("web", "web"));
  EXPECT_EQ(MessageFor(scenario), kSkewed);
  scenario.cluster.RemoveSelecting(SelectingKind::kReplicaSet, "web");
  EXPECT_EQ(MessageFor(scenario), "");
}

TEST(DefaultSpread, AReplicationControllerWinsOverAService) {
  Scenario scenario(kLopsided, SpreadOverZones());
  for (const SelectingKind kind : kSelectingKinds) scenario.cluster.MarkListed(kind);
  kube::Pod pod = scenario.pods.back();
  pod.metadata.owner_references = {{"v1", "ReplicationController", "rc", "rc", true}};
  scenario.cluster.Upsert(pod);
  scenario.cluster.Upsert(SelectingKind::kService, Selecting("svc", "web"));
  EXPECT_EQ(MessageFor(scenario), kSkewed);
  scenario.cluster.Upsert(SelectingKind::kReplicationController, Selecting("rc", "other"));
  EXPECT_EQ(MessageFor(scenario), "");
}

TEST(DefaultSpread, IsNotForPodsWithConstraintsOfTheirOwn) {
  const testing::Fates fates = Judge(R"(
    node a  label=zone=z1
    pod  p  spread=zone:1:app=web
  )",
                                     SpreadOverZones());
  EXPECT_THAT(fates, Fits("p", On("a")));
}

TEST(DefaultSpread, MattersOnlyWherePodTopologySpreadFilters) {
  ClusterOptions options = SpreadOverZones();
  options.scheduler.profiles[0].multi_point.disabled = {"PodTopologySpread"};
  EXPECT_THAT(Judge("node a\npod p", options), Fits("p", On("a")));
}

// Extenders are asked about what passed the filters, and can only take nodes away.
TEST(Extenders, HaveTheLastWordOnlyWhereSomeNodePasses) {
  ClusterOptions options;
  options.scheduler.extenders = {{"https://gpu.example", {"example.com/gpu"}}};
  EXPECT_THAT(Judge(R"(
    node a  cpu=1 example.com/gpu=1
    pod  p  example.com/gpu=1
    pod  q  example.com/gpu=1 cpu=2
    pod  r  cpu=1
  )",
                    options),
              AllOf(IsUndecidable("p", "extender https://gpu.example has the last word"),
                    FitsNowhere("q", "0/1 nodes are available: 1 Insufficient cpu."), Fits("r", On("a"))));
}

TEST(Extenders, WithoutManagedResourcesAreAskedAboutEveryPod) {
  ClusterOptions options;
  options.scheduler.extenders = {{"https://any.example", {}}};
  EXPECT_THAT(Judge("node a\npod p\npod q cpu=100", options),
              AllOf(IsUndecidable("p", "https://any.example"),
                    FitsNowhere("q", "0/1 nodes are available: 1 Insufficient cpu.")));
}

kube::DeviceClass GpuClass() {
  kube::DeviceClass gpu;
  gpu.metadata.name = gpu.metadata.uid = "gpu";
  gpu.extended_resource = "example.com/gpu";
  return gpu;
}

// What is said of the Pod p where a DeviceClass stands for example.com/gpu.
std::string WithGpuClass(std::string_view text, const SchedulerProfile& profile = {}) {
  ClusterOptions options;
  options.scheduler.profiles = {profile};
  Scenario scenario(text, options);
  scenario.cluster.Upsert(GpuClass());
  const Verdict verdict = sim::Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal);
  const Packing packing = Pack(scenario.cluster, std::vector{scenario.pod("p")}, NodeDomain::kReal);
  EXPECT_EQ(packing.entries().front().verdict.kind, verdict.kind) << text;
  if (verdict.kind == Verdict::Kind::kUndecidable) return verdict.undecidable;
  return verdict.kind == Verdict::Kind::kFits ? "fits" : verdict.why_not->SchedulerMessage();
}

TEST(DeviceClasses, APodIsUndecidableOnlyIfDevicesCouldMakeItFit) {
  EXPECT_THAT(WithGpuClass("node a\npod p example.com/gpu=1"), HasSubstr("for which the DeviceClass gpu stands"));
  EXPECT_EQ(WithGpuClass("node a example.com/gpu=1\nnode b\npod p example.com/gpu=1"), "fits");
  EXPECT_EQ(WithGpuClass("node a\npod p example.com/gpu=1 cpu=100"), "0/1 nodes are available: 1 Insufficient cpu.")
      << "no device would help";
  EXPECT_EQ(WithGpuClass("node a example.com/gpu=1\npod o on=a example.com/gpu=1\npod p example.com/gpu=1"),
            "0/1 nodes are available: 1 Insufficient example.com/gpu.")
      << "where a device plugin is, devices are its business";
  EXPECT_THAT(WithGpuClass("node a example.com/gpu=1\nnode b\npod o on=a example.com/gpu=1\npod p example.com/gpu=1"),
              HasSubstr("DeviceClass gpu"));
  EXPECT_EQ(WithGpuClass("node a\npod p example.com/gpu=1 anti=hostname:app=web\npod o on=a label=app=web"),
            "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.");
  EXPECT_EQ(WithGpuClass("node a\npod p cpu=1"), "fits") << "it asks for none";
}

// NodeResourcesFit lets a node pass that lacks what it ignores, and DynamicResources does not: with any number of
// devices.
TEST(DeviceClasses, OfAResourceForWhichNoneStandsANodeMustHaveAPlugin) {
  SchedulerProfile ignoring;
  ignoring.ignored_resources = {"example.com/fpga"};
  const std::string pod = "\npod p example.com/gpu=1 example.com/fpga=1";
  EXPECT_EQ(WithGpuClass("node a" + pod, ignoring), "0/1 nodes are available: 1 cannot fit resource.");
  EXPECT_EQ(WithGpuClass("node a example.com/gpu=1" + pod, ignoring),
            "0/1 nodes are available: 1 cannot fit resource.");
  EXPECT_EQ(WithGpuClass("node a example.com/gpu=1 example.com/fpga=0" + pod, ignoring), "fits");
  EXPECT_THAT(WithGpuClass("node a example.com/fpga=0" + pod, ignoring), HasSubstr("DeviceClass gpu"));
  EXPECT_THAT(WithGpuClass("node a\nnode b example.com/fpga=0" + pod, ignoring), HasSubstr("DeviceClass gpu"));

  SchedulerProfile blind;
  blind.multi_point.disabled = {"NodeResourcesFit"};
  EXPECT_EQ(WithGpuClass("node a\npod p example.com/gpu=1 deviceclass.resource.kubernetes.io/none=1", blind),
            "0/1 nodes are available: 1 cannot fit resource.");
}

TEST(DeviceClasses, ADeviceDoesNotHelpWhereALaterFilterRejects) {
  SchedulerProfile devices_first;
  devices_first.filter.enabled = {"DynamicResources"};
  EXPECT_EQ(WithGpuClass("node a cpu=1\npod p example.com/gpu=1 cpu=2", devices_first),
            "0/1 nodes are available: 1 cannot allocate all claims.");

  devices_first.filter.disabled = {"NodeAffinity"};  // the nominated node is tried though PreFilter leaves it out
  EXPECT_EQ(WithGpuClass("node a cpu=1\npod p pin=gone nominated=a example.com/gpu=1 cpu=2", devices_first),
            "0/1 nodes are available: 1 cannot allocate all claims.");
  EXPECT_THAT(WithGpuClass("node a cpu=2\npod p pin=gone nominated=a example.com/gpu=1 cpu=2", devices_first),
              HasSubstr("DeviceClass gpu"));
  EXPECT_EQ(WithGpuClass("node a cpu=2\npod o nominated=a cpu=1 prio=1\n"
                         "pod p pin=gone nominated=a example.com/gpu=1 cpu=2",
                         devices_first),
            "0/1 nodes are available: 1 cannot allocate all claims.");
}

TEST(DeviceClasses, FreeSlotsOfDevicePluginsAbsorbExactlyAsManyAndTheRestOverflows) {
  Scenario scenario("node a example.com/gpu=2\nvirtual v example.com/gpu=8\npod p[1..3] example.com/gpu=1", {});
  scenario.cluster.Upsert(GpuClass());
  std::vector<PodIndex> nowhere;
  const Packing packing = Pack(scenario.cluster, scenario.waiting(), NodeDomain::kReal);
  for (const auto& [pod, verdict] : packing.entries()) {
    ASSERT_NE(verdict.kind, Verdict::Kind::kUndecidable) << verdict.undecidable;
    if (verdict.kind == Verdict::Kind::kNowhere) nowhere.push_back(pod);
  }
  ASSERT_EQ(nowhere.size(), 1u);
  EXPECT_EQ(Spread(scenario.cluster, nowhere, {}).front().node, scenario.node("v"));
}

TEST(DeviceClasses, ComeAndGo) {
  Scenario scenario("node a\npod p example.com/gpu=1", {});
  EXPECT_EQ(MessageFor(scenario), "0/1 nodes are available: 1 Insufficient example.com/gpu.");
  kube::DeviceClass gpu = GpuClass();
  scenario.cluster.Upsert(gpu);
  EXPECT_THAT(MessageFor(scenario), HasSubstr("for which the DeviceClass gpu stands"));
  gpu.extended_resource = "example.com/other";
  scenario.cluster.Upsert(gpu);
  EXPECT_EQ(MessageFor(scenario), "0/1 nodes are available: 1 Insufficient example.com/gpu.");
}

TEST(DeviceClasses, HaveAResourceByTheirNameToo) {
  Scenario scenario("node a\npod p deviceclass.resource.kubernetes.io/gpu=1", {});
  kube::DeviceClass gpu;
  gpu.metadata.name = gpu.metadata.uid = "gpu";
  scenario.cluster.Upsert(gpu);
  EXPECT_THAT(MessageFor(scenario), HasSubstr("DeviceClass gpu"));
  scenario.cluster.RemoveDeviceClass("gpu");
  EXPECT_EQ(MessageFor(scenario), "0/1 nodes are available: 1 Insufficient deviceclass.resource.kubernetes.io/gpu.");
}

TEST(DeviceClasses, CountSince136) {
  ClusterOptions options;
  options.minor_version = 35;
  Scenario scenario("node a\npod p example.com/gpu=1", options);
  kube::DeviceClass gpu;
  gpu.metadata.name = gpu.metadata.uid = "gpu";
  gpu.extended_resource = "example.com/gpu";
  scenario.cluster.Upsert(gpu);
  EXPECT_EQ(MessageFor(scenario), "0/1 nodes are available: 1 Insufficient example.com/gpu.");
}

}  // namespace
}  // namespace spillway::sim
