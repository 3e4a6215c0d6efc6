#include "cmd/snapshot/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "cmd/simulate/simulation.h"

namespace spillway::cmd {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kNode =
    R"({"kind":"Node","metadata":{"name":"n1"},"status":{"allocatable":{"cpu":"1","memory":"1Gi","pods":"10"}}})";
constexpr const char* kPod =
    R"({"kind":"Pod","metadata":{"name":"p1","namespace":"a"},"spec":{"containers":[{"resources":{"requests":{"cpu":"2"}}}]}})";

std::string List(const std::string& items) { return R"({"kind":"List","items":[)" + items + "]}"; }

std::string ErrorOf(const std::string& text) {
  Snapshot snapshot((SnapshotOptions()));
  const Status read = snapshot.ReadText(text, "snapshot.json");
  return read ? "no error" : read.error().message;
}

std::string Simulated(const std::string& text) {
  Snapshot snapshot((SnapshotOptions()));
  const Status read = snapshot.ReadText(text, "snapshot.json");
  if (!read) return read.error().message;
  const auto pods = snapshot.PendingPods();
  return AsJson(snapshot.cluster(), JudgeEach(snapshot, pods));
}

TEST(Snapshot, SaysWhichItemIsWrongAndWhere) {
  const std::string text = List(std::string(kNode) + R"(,{"kind":"Pod","metadata":{"namespace":"a"},"spec":{}})");
  const std::size_t column = text.find(R"({"kind":"Pod")") + 1;
  EXPECT_EQ(ErrorOf(text), "snapshot.json:1:" + std::to_string(column) + ": items[1] is a Pod without metadata.name");
}

TEST(Snapshot, SaysWhichLineOfManyIsWrong) {
  EXPECT_EQ(ErrorOf(std::string(kNode) + "\n" + R"({"kind":"Node","metadata":{}})"),
            "snapshot.json:2:1: the object is a Node without metadata.name");
}

TEST(Snapshot, RefusesWhatIsNoSnapshot) {
  EXPECT_THAT(ErrorOf("apiVersion: v1"), StartsWith("snapshot.json:1:1: "));
  EXPECT_THAT(ErrorOf(List(std::string(kNode) + ",")), StartsWith("snapshot.json:1:"));
  const std::string whole = List(std::string(kNode) + "," + kPod);
  for (const std::size_t length : {whole.size() - 1, whole.size() - 2, whole.size() / 2}) {
    EXPECT_THAT(ErrorOf(whole.substr(0, length)), StartsWith("snapshot.json:1:")) << "cut to " << length << " bytes";
  }
  EXPECT_THAT(ErrorOf(R"({"kind":"Frobnicator","metadata":{"name":"x"}})"),
              HasSubstr("is of a kind that is not known here: Frobnicator"));
  EXPECT_THAT(ErrorOf(R"({"metadata":{"name":"x"}})"), HasSubstr("has no kind"));
  EXPECT_THAT(ErrorOf(List(R"({"kind":"Node","metadata":{"name":"n"},"status":{"allocatable":{"cpu":"lots"}}})")),
              HasSubstr("items[0] cannot be read: "));
}

TEST(Snapshot, TakesListsObjectsAndWhatElsePeopleDump) {
  EXPECT_EQ(ErrorOf(std::string(kNode) + "\n" + kPod), "no error");
  EXPECT_EQ(ErrorOf(List(kNode) + List(R"({"kind":"ConfigMap","metadata":{"name":"x"}})")), "no error");
  EXPECT_EQ(ErrorOf(R"({"kind":"PodList","items":[{"metadata":{"name":"p"},"spec":{}}]})"), "no error");
}

TEST(Snapshot, AnAbsentFileIsNamed) {
  Snapshot snapshot((SnapshotOptions()));
  EXPECT_EQ(snapshot.ReadFile("/nowhere/snapshot.json").error().message,
            "/nowhere/snapshot.json: No such file or directory");
}

TEST(Simulate, AnswersInTheContractsWords) {
  EXPECT_EQ(Simulated(List(std::string(kNode) + "," + kPod)),
            R"({"verdicts":[{"namespace":"a","name":"p1","verdict":"Nowhere",)"
            R"("message":"0/1 nodes are available: 1 Insufficient cpu.","feasible":[],)"
            R"("nodes":[{"node":"n1","filter":"NodeResourcesFit","reasons":["Insufficient cpu"]}]}]})"
            "\n");
}

TEST(Simulate, AVirtualNodeMayBeFeasibleWhileTheVerdictIsNowhere) {
  const std::string with_virtual = List(
      std::string(kNode) + "," + kPod +
      R"(,{"kind":"Node","metadata":{"name":"v","labels":{"type":"virtual-kubelet"}},"status":{"allocatable":{"cpu":"9","memory":"9Gi","pods":"9"}}})");
  EXPECT_THAT(Simulated(with_virtual), HasSubstr(R"("verdict":"Nowhere","message":"","feasible":["v"])"));
}

TEST(Simulate, PodsThatKubeSchedulerDoesNotLookAtAreUndecidable) {
  const auto pod = [](const char* spec) {
    return List(std::string(kNode) + R"(,{"kind":"Pod","metadata":{"name":"p"},"spec":)" + spec + "}");
  };
  EXPECT_THAT(Simulated(pod(R"({"schedulingGates":[{"name":"wait"}]})")),
              HasSubstr(R"("verdict":"Undecidable","message":"Scheduling is blocked)"));
  EXPECT_THAT(Simulated(pod(R"({"schedulerName":"other"})")), HasSubstr(R"(for the scheduler other to place)"));
  EXPECT_THAT(Simulated(pod(R"({"schedulerName":"default-scheduler"})")), HasSubstr(R"("verdict":"Fits")"));
}

TEST(Simulate, EndedAndBoundPodsAreNotAskedAbout) {
  EXPECT_EQ(Simulated(List(R"({"kind":"Pod","metadata":{"name":"p"},"spec":{"nodeName":"n1"}},)"
                           R"({"kind":"Pod","metadata":{"name":"q"},"spec":{},"status":{"phase":"Failed"}})")),
            "{\"verdicts\":[]}\n");
}

constexpr const char* kConfiguration =
    R"({"kind":"KubeSchedulerConfiguration","apiVersion":"kubescheduler.config.k8s.io/v1","profiles":[{"plugins":{"filter":{"disabled":[{"name":"NodeResourcesFit"}]}}}]})";

TEST(Snapshot, MayBringKubeSchedulersConfiguration) {
  EXPECT_THAT(Simulated(List(std::string(kNode) + "," + kPod)), HasSubstr(R"("verdict":"Nowhere")"));
  EXPECT_THAT(Simulated(List(std::string(kConfiguration) + "," + kNode + "," + kPod)),
              HasSubstr(R"("verdict":"Fits")"));
}

TEST(Snapshot, TheConfigurationComesFirst) {
  EXPECT_THAT(ErrorOf(List(std::string(kNode) + "," + kConfiguration)),
              HasSubstr("items[1] is a KubeSchedulerConfiguration behind other objects; put it first"));
}

TEST(Snapshot, ServicesAreReadForDefaultConstraints) {
  const std::string configuration =
      R"({"kind":"KubeSchedulerConfiguration","apiVersion":"kubescheduler.config.k8s.io/v1","profiles":[{"pluginConfig":[{"name":"PodTopologySpread","args":{"defaultingType":"List","defaultConstraints":[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]}}]}]})";
  const std::string pod =
      R"({"kind":"Pod","metadata":{"name":"p1","labels":{"app":"web"}},"spec":{"containers":[{}]}})";
  const std::string service = R"({"kind":"Service","metadata":{"name":"s"},"spec":{"selector":{"app":"web"}}})";
  EXPECT_THAT(Simulated(List(configuration + "," + kNode + "," + pod)), HasSubstr("no services are known"));
  EXPECT_THAT(Simulated(List(configuration + "," + kNode + "," + pod + "," + service)),
              HasSubstr("(missing required label)"));
}

}  // namespace
}  // namespace spillway::cmd
