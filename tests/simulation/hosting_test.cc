#include "tests/simulation/hosting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sim_runtime.h"
#include "base/testing/run_until.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;
using spillway::testing::Await;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A Pod that an agent would have on a virtual node, with an instance that runs.
class HostingTest : public ::testing::Test {
 protected:
  HostingTest()
      : store_(runtime_, 1000),
        cloud_(runtime_, {}),
        hosting_(runtime_, store_, cloud_, [this](const std::string&) { return sees_present_; }) {
    EXPECT_TRUE(store_.Create("nodes", {{"metadata", {{"name", "vnode"}}}}));
    const Json container = {{"name", "c"}, {"image", "i"}};
    const Json spec = {{"nodeName", "vnode"}, {"containers", Json::array({container})}};
    const auto created = store_.Create("pods", {{"metadata", {{"name", "p"}}}, {"spec", spec}});
    EXPECT_TRUE(created);
    uid_ = sandbox::UidOf(*created);
    cloud::CreateRequest request;
    request.identity = {"cluster", "vnode", uid_, "default", "p"};
    request.client_token = "token";
    request.pod = *created;
    const auto made = Await(runtime_, provider_->Create(std::move(request)));
    EXPECT_TRUE(made && *made);
    instance_ = (*made)->id;
    runtime_.RunFor(5s);
    SetStatus("Running", "");
  }

  void SetStatus(const std::string& phase, const std::string& reason) {
    ASSERT_TRUE(store_.Modify("pods", "default", "p", sandbox::Part::kStatus, [&](Json& pod) {
      pod["status"]["phase"] = phase;
      pod["status"]["reason"] = reason;
      return true;
    }));
    runtime_.RunFor(10ms);
  }
  void DeleteInstance() {
    hosting_.OnDelete(instance_);
    const auto deleted = Await(runtime_, provider_->Delete(instance_, Duration(0)));
    ASSERT_TRUE(deleted && *deleted);
  }
  void DeletePod() {
    sandbox::DeleteOptions at_once;
    at_once.grace_period_seconds = 0;
    ASSERT_TRUE(store_.Delete("pods", "default", "p", at_once));
    runtime_.RunFor(10ms);
  }
  std::string Wrongs() const {
    std::string text;
    for (const Wrong& wrong : hosting_.wrong()) text += wrong.what + ": " + wrong.why + "\n";
    return text;
  }

  bool sees_present_ = true;
  SimRuntime runtime_{1};
  sandbox::Store store_;
  cloud::SimulatedCloud cloud_;
  std::unique_ptr<cloud::Provider> provider_ = cloud_.NewProvider();
  Hosting hosting_;
  std::string uid_, instance_;
};

TEST_F(HostingTest, WhatHasEndedMayNotGoOn) {
  SetStatus("Failed", "Evicted");
  EXPECT_THAT(Wrongs(), IsEmpty());
  SetStatus("Running", "");
  EXPECT_THAT(Wrongs(), HasSubstr("ended-is-ended: default/p was Failed and is Running"));
}

TEST_F(HostingTest, WhoCannotHaveSeenThatSomebodyElseEndedItIsExcused) {
  sees_present_ = false;
  hosting_.OnEndedByOthers(uid_);
  SetStatus("Failed", "Evicted");
  SetStatus("Running", "");
  EXPECT_THAT(Wrongs(), IsEmpty());
}

TEST_F(HostingTest, NobodyMayCallAnInstanceLostThatIsThere) {
  SetStatus("Failed", "InstanceLost");
  EXPECT_THAT(Wrongs(), HasSubstr("lost-is-lost: default/p is said to have lost its instance"));
}

TEST_F(HostingTest, AHostAddressStaysWhereverTheAgentGoes) {
  const auto tell = [&](const char* address) {
    ASSERT_TRUE(store_.Modify("pods", "default", "p", sandbox::Part::kStatus, [&](Json& pod) {
      pod["status"]["hostIP"] = address;
      pod["status"]["hostIPs"] = Json::array({{{"ip", address}}});
      return true;
    }));
    runtime_.RunFor(10ms);
  };
  tell("10.0.0.1");
  EXPECT_THAT(Wrongs(), IsEmpty());
  tell("10.0.0.2");
  EXPECT_THAT(Wrongs(), HasSubstr("address-stays: default/p was on 10.0.0.1 and is on 10.0.0.2 now"));
}

TEST_F(HostingTest, ACreateIsRepeatedUnderTheSameTokenUntilAnotherGenerationIsNoted) {
  const auto ask = [this](const char* token) {
    cloud::CreateRequest request;
    request.identity = {"cluster", "vnode", uid_, "default", "p"};
    request.client_token = token;
    hosting_.OnCreate(request);
  };
  ask("a");
  ask("a");
  EXPECT_THAT(Wrongs(), IsEmpty());
  ASSERT_TRUE(store_.Modify("pods", "default", "p", sandbox::Part::kObject, [](Json& pod) {
    pod["metadata"]["annotations"]["spillway.io/instance-generation"] = "1";
    return true;
  }));
  ask("b");
  EXPECT_THAT(Wrongs(), IsEmpty());
  ask("c");
  EXPECT_THAT(Wrongs(), HasSubstr("one-token-a-generation: default/p has 2 generations"));
}

TEST_F(HostingTest, WhatIsToRunStaysWhateverItsPhase) {
  SetStatus("Pending", "");
  DeleteInstance();
  EXPECT_THAT(Wrongs(), HasSubstr("the-living-stay: default/p is to run"));
}

TEST_F(HostingTest, AnInstanceThatIsGoneMayBeCalledLost) {
  ASSERT_TRUE(cloud_.Lose(instance_));
  SetStatus("Failed", "InstanceLost");
  EXPECT_THAT(Wrongs(), IsEmpty());
}

TEST_F(HostingTest, AnInstanceIsNotToBeDeletedUnderItsPod) {
  DeleteInstance();
  EXPECT_THAT(Wrongs(), HasSubstr("the-living-stay: default/p is to run, and its instance"));
}

TEST_F(HostingTest, APodThatGoesBeforeItsInstanceIsReported) {
  SetStatus("Succeeded", "");
  DeleteInstance();
  EXPECT_THAT(Wrongs(), IsEmpty());
  DeletePod();
  EXPECT_THAT(Wrongs(), HasSubstr("instance-goes-first: default/p went before its instance"));
}

TEST_F(HostingTest, ThePodsOfANodeThatIsGoneAreCollectedWithoutItsAgent) {
  ASSERT_TRUE(store_.Delete("nodes", "", "vnode"));
  SetStatus("Succeeded", "");
  DeleteInstance();
  DeletePod();
  EXPECT_THAT(Wrongs(), IsEmpty());
}

TEST_F(HostingTest, APodThatSomebodyElseEndedGoesWhenTheyDeleteIt) {
  hosting_.OnEndedByOthers(uid_);
  SetStatus("Failed", "Evicted");
  DeleteInstance();
  DeletePod();
  EXPECT_THAT(Wrongs(), IsEmpty());
}

TEST_F(HostingTest, APodThatGoesAfterItsInstanceIsNot) {
  SetStatus("Succeeded", "");
  DeleteInstance();
  runtime_.RunFor(5s);
  DeletePod();
  EXPECT_THAT(Wrongs(), IsEmpty());
}

}  // namespace
}  // namespace spillway::simulation
