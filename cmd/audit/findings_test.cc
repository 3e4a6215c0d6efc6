#include "cmd/audit/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/audit/output.h"

namespace spillway::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

cloud::Instance InstanceOf(const std::string& id, const std::string& pod, const std::string& node) {
  cloud::Instance instance;
  instance.id = id;
  instance.identity = {"cluster", node, "uid-" + pod, "default", pod};
  instance.state = cloud::InstanceState::kRunning;
  return instance;
}

class FindingsTest : public ::testing::Test {
 protected:
  void AddInstance(const cloud::Instance& instance) {
    facts_.before.push_back(instance);
    facts_.after.push_back(instance);
  }
  void AddPod(const std::string& name, const std::string& node, const std::string& phase = "Running") {
    facts_.pods["uid-" + name] = {"uid-" + name, "default", name, node, phase, ""};
  }
  // "Orphan i-1 default/web: detail", one for each.
  std::vector<std::string> Found() {
    std::vector<std::string> lines;
    for (const Finding& finding : FindingsOf(facts_)) {
      std::string line(ToString(finding.kind));
      line += " " + (finding.instance ? finding.instance->id : "-") + " " + finding.pod.ns + "/" + finding.pod.name;
      lines.push_back(line + (finding.detail.empty() ? "" : ": " + finding.detail));
    }
    return lines;
  }
  AuditFacts facts_{.before = {}, .after = {}, .pods = {}, .nodes = {"v-1", "v-2"}};
};

TEST_F(FindingsTest, NothingIsFoundWhereEachPodHasItsInstance) {
  AddPod("web", "v-1");
  AddInstance(InstanceOf("i-1", "web", "v-1"));
  AddPod("done", "v-1", "Succeeded");  // its record has gone
  AddPod("pending", "", "Pending");    // nobody's yet
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(FindingsTest, AnInstanceWithoutItsPodIsAnOrphan) {
  AddInstance(InstanceOf("i-1", "web", "v-1"));
  AddInstance(InstanceOf("i-2", "db", "v-9"));
  EXPECT_THAT(Found(), ElementsAre("Orphan i-1 default/web", "Orphan i-2 default/db: node v-9 is gone too"));
}

TEST_F(FindingsTest, AnotherPodOfTheSameNameDoesNotStandBehindIt) {
  AddInstance(InstanceOf("i-1", "web", "v-1"));
  facts_.pods["uid-other"] = {"uid-other", "default", "web", "v-1", "Running", ""};
  AddInstance([] {
    auto own = InstanceOf("i-2", "web", "v-1");
    own.identity.pod_uid = "uid-other";
    return own;
  }());
  EXPECT_THAT(Found(), ElementsAre("Orphan i-1 default/web"));
}

TEST_F(FindingsTest, APodBoundElsewhereDoesNotStandBehindIt) {
  AddPod("web", "v-2");
  AddInstance(InstanceOf("i-1", "web", "v-1"));
  AddInstance(InstanceOf("i-2", "web", "v-2"));
  EXPECT_THAT(Found(), ElementsAre("OnOtherNode i-1 default/web: its Pod is on node v-2"));
}

TEST_F(FindingsTest, OfSeveralInstancesOfOnePodTheOneThatRunsIsIts) {
  AddPod("web", "v-1");
  auto pending = InstanceOf("i-1", "web", "v-1");
  pending.state = cloud::InstanceState::kPending;
  AddInstance(pending);
  AddInstance(InstanceOf("i-2", "web", "v-1"));
  auto ended = InstanceOf("i-0", "web", "v-1");
  ended.state = cloud::InstanceState::kFailed;
  AddInstance(ended);
  EXPECT_THAT(Found(), ElementsAre("SecondInstance i-1 default/web: beside i-2"));
}

TEST_F(FindingsTest, WhatIsUnderWayIsNotFound) {
  facts_.before.push_back(InstanceOf("i-1", "going", "v-1"));  // its Pod and then it itself went meanwhile
  facts_.after.push_back(InstanceOf("i-2", "coming", "v-1"));  // made after the Pods were listed
  AddPod("coming", "v-1", "Pending");
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(FindingsTest, APodWithoutInstanceSaysWhy) {
  AddPod("web", "v-1", "Pending");
  facts_.pods["uid-web"].waiting = "InstanceCreateFailed: [stock] nothing left";
  EXPECT_THAT(Found(), ElementsAre("NoInstance - default/web: InstanceCreateFailed: [stock] nothing left"));
}

TEST_F(FindingsTest, AreCountedInTextAndJson) {
  AddInstance(InstanceOf("i-1", "web", "v-1"));
  AddPod("db", "v-2", "Pending");
  AuditReport report{"cluster", "simulated", WallTime(), facts_, FindingsOf(facts_)};
  const std::string text = AuditText(report);
  EXPECT_THAT(text, HasSubstr("FINDING"));
  EXPECT_THAT(text, HasSubstr("default/web"));
  EXPECT_THAT(text,
              HasSubstr("1 instances of cluster cluster at provider simulated: 1 orphaned, 0 of Pods on other nodes, "
                        "0 second ones; 1 Pods without instance\n"));
  const std::string json = AuditJson(report);
  EXPECT_THAT(json, HasSubstr("\"Orphan\": 1"));
  EXPECT_THAT(json, HasSubstr("\"uid\": \"uid-web\""));
}

}  // namespace
}  // namespace spillway::cmd
