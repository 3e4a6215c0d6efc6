#include "cmd/explain/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cmd/snapshot/snapshot.h"
#include "controller/explain_json.h"

namespace spillway::cmd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

std::string Node(const std::string& name, const std::string& cpu, const std::string& more = "") {
  return R"({"kind":"Node","metadata":{"name":")" + name + R"("},"spec":{)" + more +
         R"(},"status":{"allocatable":{"cpu":")" + cpu + R"(","memory":"8Gi","pods":"10"}}})" + "\n";
}
std::string Pod(const std::string& name, const std::string& cpu, const std::string& more = "") {
  return R"({"kind":"Pod","metadata":{"namespace":"shop","name":")" + name + R"("},"spec":{)" + more +
         R"("containers":[{"name":"c","resources":{"requests":{"cpu":")" + cpu + R"("}}}]}})" + "\n";
}

Json Explained(const std::string& text, controller::ExplainDetail detail = controller::ExplainDetail::kGroups) {
  SnapshotOptions options;
  options.keeps = [](const kube::Pod& pod) { return pod.metadata.name == "web"; };
  Snapshot snapshot(std::move(options));
  const Status read = snapshot.ReadText(text, "snapshot.json");
  EXPECT_TRUE(read) << read.error().message;
  const kube::Pod& pod = snapshot.kept().back();
  for (const auto& pending : snapshot.PendingPods()) {
    if (pending.name != "web") continue;
    return controller::ExplainPending(snapshot.cluster(), pod, pending.index, pending.undecidable, {.detail = detail});
  }
  return controller::DescribePod(snapshot.cluster(), pod);
}

const std::string kGpuTaint = R"("taints":[{"key":"gpu","value":"true","effect":"NoSchedule"}])";

TEST(ExplainOutput, SaysWhoRefusesWhyAndWhatWouldHelp) {
  const std::string text = ExplanationText(Explained(Node("a", "4") + Node("b", "4") + Node("g1", "8", kGpuTaint) +
                                                     Node("g2", "8", kGpuTaint) + Pod("o", "3", R"("nodeName":"a",)") +
                                                     Pod("web", "3500m") + Pod("q", "1", R"("nodeName":"b",)")));
  EXPECT_EQ(text,
            "Pod shop/web fits on none of 4 real nodes. kube-scheduler's words:\n"
            "0/4 nodes are available: 2 Insufficient cpu, 2 node(s) had untolerated taint(s).\n"
            "\n"
            "  2 nodes           NodeResourcesFit: Insufficient cpu\n"
            "                    b, a\n"
            "                    closest is b: 3500m requested, 3 of 4 free, 1 used by 1 Pod\n"
            "  2 nodes           TaintToleration: node(s) had untolerated taint(s) (taint gpu=true:NoSchedule)\n"
            "                    g1, g2\n"
            "\n"
            "What would let it in, the smallest change first:\n"
            "  on one of g1, g2: tolerate gpu=true:NoSchedule\n"
            "  on b: free 500m cpu (1 more node needs the like, or more)\n"
            "\n"
            "No virtual node takes it: 0/0 virtual nodes fit: there are none\n");
}

TEST(ExplainOutput, NodesThatAreOutAreNamedAsLost) {
  const std::string gone = R"("taints":[{"key":"node.kubernetes.io/unreachable","effect":"NoSchedule"}])";
  const Json answer = Explained(Node("a", "4", R"("unschedulable":true)") + Node("b", "4", gone) +
                                Node("c", "4", gone) + Pod("web", "1"));
  EXPECT_THAT(ExplanationText(answer), HasSubstr("\nLost to it for now: 2 unreachable, 1 cordoned.\n"));
  EXPECT_EQ(answer["lost"][0], Json({{"nodes", 2}, {"are", "unreachable"}}));
}

TEST(ExplainOutput, ABoundPodTellsWhoPutItThere) {
  const Json annotations = {{"spillway.io/decision-id", "7f3a2c91"},
                            {"spillway.io/reason", "0/1 real nodes fit (1 Insufficient cpu)"},
                            {"spillway.io/decided-at", "2026-11-22T10:00:00Z"}};
  const Json annotated = {{"kind", "Pod"},
                          {"metadata", {{"namespace", "shop"}, {"name", "web"}, {"annotations", annotations}}},
                          {"spec", {{"nodeName", "v"}}}};
  const std::string v = R"({"kind":"Node","metadata":{"name":"v","labels":{"type":"virtual-kubelet"}}})";
  EXPECT_EQ(ExplanationText(Explained(v + "\n" + annotated.dump())),
            "Pod shop/web is bound to virtual node v; there is nothing to decide.\n"
            "Spillway put it there at 2026-11-22T10:00:00Z: 0/1 real nodes fit (1 Insufficient cpu). "
            "decision=7f3a2c91\n");
  EXPECT_EQ(ExplanationText(Explained(Node("a", "4") + Pod("web", "1", R"("nodeName":"a",)"))),
            "Pod shop/web is bound to real node a; there is nothing to decide.\n");
}

TEST(ExplainOutput, WhatFitsAndWhatCannotBeKnown) {
  EXPECT_THAT(
      ExplanationText(Explained(Node("a", "4") + Pod("web", "1"))),
      AllOf(HasSubstr("Pod shop/web fits: real node a takes it."), HasSubstr("1 node            can take it: a")));
  EXPECT_THAT(ExplanationText(Explained(Node("a", "4") + Pod("web", "8", R"("schedulerName":"volcano",)"))),
              AllOf(HasSubstr("is left alone: it is for the scheduler volcano to place"),
                    HasSubstr("NodeResourcesFit: Insufficient cpu"), Not(HasSubstr("What would let it in"))));
}

TEST(ExplainOutput, JsonHasEveryNodeWithNumbers) {
  const Json answer = Explained(Node("a", "4") + Pod("web", "8"), controller::ExplainDetail::kAllNodes);
  ASSERT_EQ(answer["nodes"].size(), 1u);
  EXPECT_EQ(answer["nodes"][0]["filter"], "NodeResourcesFit");
  EXPECT_EQ(answer["nodes"][0]["objections"][0]["shortage"],
            Json({{"resource", "cpu"}, {"requested", 8000}, {"allocatable", 4000}, {"free", 4000}, {"pods", 0}}));
  EXPECT_FALSE(Explained(Node("a", "4") + Pod("web", "8")).contains("nodes"));
}

TEST(ExplainOutput, AHostileAnswerReachesNoTerminal) {
  const Json hostile = {
      {"namespace", "a\x1b[2J"}, {"name", 7},
      {"verdict", nullptr},      {"groups", {1, "x", {{"nodes", -3}, {"filter", "f\r\n"}, {"examples", {nullptr}}}}},
      {"changes", "many"},       {"placement", {{"node", "v\x07"}}}};
  const std::string text = ExplanationText(hostile);
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
  EXPECT_THAT(text, HasSubstr("a?[2J"));
  for (const Json& other : {Json(), Json::array(), Json("x")}) EXPECT_NO_THROW(ExplanationText(other));
}

}  // namespace
}  // namespace spillway::cmd
