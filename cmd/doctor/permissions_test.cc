#include "cmd/doctor/permissions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cmd/doctor/rbac_manifests.h"

namespace spillway::cmd::doctor {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

// "create pods/binding", "get configmaps eks-config@kube-system"
std::vector<std::string> Words(const std::vector<NeededAccess>& needed) {
  std::vector<std::string> words;
  for (const NeededAccess& one : needed) {
    const kube::Access& access = one.access;
    std::string text = access.verb + " " + access.resource;
    if (!access.subresource.empty()) text += "/" + access.subresource;
    if (!access.name.empty()) text += " " + access.name;
    if (!access.ns.empty()) text += "@" + access.ns;
    words.push_back(std::move(text));
  }
  return words;
}

Component Controller(GivenFlags flags = {}) {
  return {"spillway-controller", "ops", "spillway", std::move(flags), "", ""};
}

std::string Told(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) text += std::string(ToString(finding.level)) + " " + finding.what + "\n";
  return text;
}

Reviewed Answered(bool allowed) {
  Reviewed reviewed{"controller", "system:serviceaccount:ops:spillway", {}, {}};
  for (NeededAccess& needed : AccessNeededByController(Controller()))
    reviewed.answers.emplace_back(std::move(needed), allowed);
  return reviewed;
}

TEST(RbacManifests, AreReadWhole) {
  for (const char* name : {"controller", "agent"}) {
    const auto roles = ReadRoles(RbacManifests().at(name));
    ASSERT_TRUE(roles) << roles.error().message;
    EXPECT_GT(roles->size(), 20U) << name;
  }
}

TEST(RbacManifests, WhatCannotBeReadIsSaid) {
  EXPECT_FALSE(ReadRoles("kind: Role\nrules: [{verbs: [get]}]\n"));
  EXPECT_FALSE(ReadRoles("{"));
}

TEST(AccessNeeded, OfAControllerIsItsManifest) {
  EXPECT_THAT(Words(AccessNeededByController(Controller())),
              IsSupersetOf({"create pods/binding", "list nodes", "watch deviceclasses", "create leases@ops",
                            "update leases spillway-controller@ops", "list configmaps spillway-configuration@ops",
                            "update configmaps spillway-configuration-last-good@ops",
                            "watch configmaps eks-config@kube-system", "patch events"}));
}

TEST(AccessNeeded, OfADryRunIsToWriteEventsOnly) {
  const auto words = Words(AccessNeededByController(Controller({{"dry-run", "true"}})));
  EXPECT_THAT(words, Contains("create events"));
  EXPECT_THAT(words, Contains("list configmaps spillway-configuration@ops"));
  for (const char* verb : {"create ", "update "}) {
    EXPECT_TRUE(std::none_of(words.begin(), words.end(), [&](const std::string& word) {
      return word.starts_with(verb) && word.find("events") == std::string::npos;
    })) << verb;
  }
}

TEST(AccessNeeded, FollowsTheFlags) {
  const auto words = Words(AccessNeededByController(Controller({{"leader-elect-resource-name", "mine"},
                                                                {"leader-elect-resource-namespace", "leases"},
                                                                {"configuration", "conf/own"},
                                                                {"auto-scale-eks-config", ""},
                                                                {"node-autoscaler", "defer"},
                                                                {"scheduler-config", "/etc/s.yaml"}})));
  EXPECT_THAT(words, IsSupersetOf({"get leases mine@leases", "create leases@leases", "watch configmaps own@conf",
                                   "update configmaps own-last-good@conf", "list events", "list services",
                                   "watch statefulsets"}));
  EXPECT_THAT(words, Not(Contains(HasSubstr("eks-config"))));
}

TEST(AccessNeeded, OfAnAgentWithoutWhatItWasGiven) {
  EXPECT_THAT(
      Words(AccessNeededByAgent({})),
      IsSupersetOf({"get namespaces kube-system", "get configmaps extension-apiserver-authentication@kube-system",
                    "create serviceaccounts/token", "patch pods/status", "update leases@kube-node-lease"}));
  const auto words = Words(AccessNeededByAgent({"", "", "", {{"cluster-id", "c"}, {"client-ca-file", "/ca"}}, "", ""}));
  EXPECT_THAT(words, Not(Contains(HasSubstr("kube-system"))));
}

TEST(CheckPermissions, AllGrantedIsOneLine) {
  const Findings findings = CheckPermissions({Answered(true)});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_THAT(findings[0].what, HasSubstr("controller (system:serviceaccount:ops:spillway): has the "));
  EXPECT_EQ(findings[0].level, Level::kOk);
}

TEST(CheckPermissions, EachResourceThatLacksIsALineThatNamesItsVerbs) {
  Reviewed reviewed = Answered(true);
  for (auto& [needed, allowed] : reviewed.answers) {
    if (needed.access.resource == "nodes" || needed.access.subresource == "binding") allowed = false;
  }
  const Findings findings = CheckPermissions({reviewed});
  EXPECT_EQ(Told(findings),
            "FAIL controller (system:serviceaccount:ops:spillway) may not list, watch nodes\n"
            "FAIL controller (system:serviceaccount:ops:spillway) may not create pods/binding\n");
  EXPECT_THAT(findings[0].todo, HasSubstr("manifests/rbac"));
}

TEST(CheckPermissions, WhoMayNotAskIsToldWhoMay) {
  Reviewed reviewed = Answered(true);
  reviewed.answers.front().second = Fail(Code::kPermissionDenied, "subjectaccessreviews is forbidden");
  const Findings findings = CheckPermissions({reviewed});
  EXPECT_THAT(Told(findings), AllOf(HasSubstr("UNKNOWN"), HasSubstr("subjectaccessreviews is forbidden")));
  EXPECT_THAT(findings[0].todo, HasSubstr("kubectl exec"));
}

TEST(CheckPermissions, AgentsMayBeLimitedToNamespaces) {
  Reviewed reviewed{"agents", "system:serviceaccount:ops:agent", {}, {"shop"}};
  for (NeededAccess& needed : AccessNeededByAgent({})) {
    const bool is_input = needed.role == "spillway-agent-pod-inputs";
    reviewed.answers.emplace_back(std::move(needed), !is_input);
  }
  EXPECT_THAT(Told(CheckPermissions({reviewed})), AllOf(HasSubstr("only in shop"), Not(HasSubstr("FAIL"))));
  reviewed.pod_input_namespaces.clear();
  EXPECT_THAT(Told(CheckPermissions({reviewed})), HasSubstr("may not get secrets"));
}

TEST(CheckPermissions, KubeletsIdentitiesAreNotRbacs) {
  EXPECT_THAT(Told(CheckPermissions({{"agents of a", "", {}, {}}})), HasSubstr("OK agents of a: kubelets' identities"));
}

}  // namespace
}  // namespace spillway::cmd::doctor
