// What is wrong with one Pod, or with the cloud, is told with its cause, harms no other Pod, and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cloud/testing/agent_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::SimplePod;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr const char* kBad = "bad";

CloudError Refused(Refusal refusal, std::string message) {
  CloudError error;
  error.refusal = refusal;
  error.error = Error{Code::kInvalidArgument, std::move(message)};
  return error;
}

class AgentBadInputTest : public testing::AgentFixture {
 protected:
  void SetUp() override {
    AgentFixture::SetUp();
    StartAgent();
    cluster_.AddPod(SimplePod("good"));
    ASSERT_TRUE(Until([&] { return IsRunning("good"); }));
    unharmed_ = cloud_.Instances().front();
  }
  void TearDown() override {
    AgentFixture::TearDown();
    EXPECT_TRUE(IsRunning("good"));
    EXPECT_EQ(TextAt(Named(At(cluster_.Pod("good"), "status", "conditions"), "Ready", "type"), "status"), "True");
    EXPECT_THAT(cloud_.Instances(), Contains(unharmed_));
    for (const char* pod : {"good", kBad}) {
      if (!cluster_.Pod(pod).is_null()) cluster_.DeletePod(pod);
    }
    EXPECT_TRUE(Until([&] { return cloud_.Instances().empty() && cluster_.Pod(kBad).is_null(); }, 10min));
  }
  // A Pod and all that is told of it in that time.
  std::vector<std::string> ToldOf(Json pod, Duration time) {
    cluster_.AddPod(std::move(pod));
    runtime_.RunFor(time);
    return Notes("Pod", kBad);
  }
  std::vector<std::string> Notes(const char* kind, const char* name) const {
    std::vector<std::string> notes;
    for (const Json& event : cluster_.events) {
      if (TextAt(event, "regarding", "kind") != kind || TextAt(event, "regarding", "name") != name) continue;
      notes.push_back(TextAt(event, "reason") + ": " + TextAt(event, "note"));
    }
    return notes;
  }
  // The container of the bad Pod waits in the cloud.
  void Show(const char* reason, const char* message) {
    provider_->alters = [reason, message](Instance& instance) {
      if (instance.identity.pod_name != kBad || instance.containers.empty()) return;
      instance.state = InstanceState::kPending;
      ContainerState waiting;
      waiting.name = "main";
      waiting.reason = reason;
      waiting.message = message;
      instance.containers = {waiting};
    };
  }
  const Json& NodeCondition(const char* type) { return Named(At(cluster_.node, "status", "conditions"), type, "type"); }
  Instance unharmed_;
  const std::string megabyte_ = std::string(1'000'000, 'x');
  std::size_t asked_for_ = 0;
};

TEST_F(AgentBadInputTest, WrongCredentials) {
  cloud_.faults().auth_lost = true;
  EXPECT_THAT(ToldOf(SimplePod(kBad), 1min),
              Contains(AllOf(StartsWith("InstanceCreateFailed: [auth] "), HasSubstr("the access key is not valid"))));
  EXPECT_THAT(Notes("Node", "vnode"),
              Contains(AllOf(StartsWith("CloudUnreachable: [auth] "), HasSubstr("the access key is not valid"))));
  cloud_.faults().auth_lost = false;
  EXPECT_TRUE(Until([&] { return IsRunning(kBad); }, 3min));
  EXPECT_THAT(cloud_.Instances(), SizeIs(2));
}

TEST_F(AgentBadInputTest, AnUnknownRegion) {
  KillAgent();
  cluster_.node = Json();
  StartAgent();
  const auto refuse = [] { return Refused(Refusal::kInvalid, "InvalidRegionId.NotFound: there is no region mars-1"); };
  provider_->refuses_ping = refuse;
  provider_->refuses_create = refuse;
  EXPECT_THAT(ToldOf(SimplePod(kBad), 1min),
              Contains("InstanceCreateFailed: [invalid] InvalidRegionId.NotFound: there is no region mars-1"));
  EXPECT_THAT(Notes("Node", "vnode"),
              Contains("CloudUnreachable: [invalid] InvalidRegionId.NotFound: there is no region mars-1"));
  EXPECT_EQ(TextAt(NodeCondition("Ready"), "status"), "False") << "a new Node gets no Pods";
  EXPECT_THAT(TextAt(NodeCondition("Ready"), "message"), HasSubstr("there is no region mars-1"));
}

TEST_F(AgentBadInputTest, NoSizeThatFits) {
  Json pod = SimplePod(kBad);
  pod["spec"]["containers"][0]["resources"]["requests"]["memory"] = "600Gi";
  EXPECT_THAT(ToldOf(std::move(pod), 1min), ElementsAre(AllOf(StartsWith("InstanceTooLarge: "), HasSubstr("64"))));
  EXPECT_EQ(cloud_.counts().creates, 1u) << "the cloud is not asked";
}

TEST_F(AgentBadInputTest, ASizeThatTheCloudRefusesInsteadOfUs) {
  provider_->refuses_create = [] { return Refused(Refusal::kInvalid, "no instance has 2 CPUs and 4 GiB"); };
  EXPECT_THAT(ToldOf(SimplePod(kBad), 1h),
              AllOf(SizeIs(1), Each("InstanceCreateFailed: [invalid] no instance has 2 CPUs and 4 GiB")));
}

// Clouds send back what they did not like.
TEST_F(AgentBadInputTest, AConfigMapOfAMegabyteThatTheCloudRefuses) {
  cluster_.Add("configmaps", "big", {{"data", {{"all", megabyte_}}}});
  Json pod = SimplePod(kBad);
  pod["spec"]["volumes"] = Json::array({{{"name", "v"}, {"configMap", {{"name", "big"}}}}});
  provider_->on_create = [&](const CreateRequest& request) {
    for (const PodVolume& volume : request.volumes) asked_for_ = volume.files.at(0).content.size();
  };
  provider_->refuses_create = [&] { return Refused(Refusal::kInvalid, "ConfigFile is too large: " + megabyte_); };
  EXPECT_THAT(ToldOf(std::move(pod), 1min), Contains(StartsWith("InstanceCreateFailed: [invalid] ConfigFile is too")));
  EXPECT_EQ(asked_for_, megabyte_.size()) << "whole";
  EXPECT_LT(cluster_.Pod(kBad).dump().size(), 10'000u) << "the API server takes no status as large as that";
}

TEST_F(AgentBadInputTest, AnImageThatCannotBePulled) {
  Show("ErrImagePull", "manifest for nginx not found");
  EXPECT_THAT(ToldOf(SimplePod(kBad), 30s),
              AllOf(Contains("Failed: Failed to pull image \"nginx\": manifest for nginx not found"),
                    Not(Contains(StartsWith("Pulled")))));
  KillAgent();
  StartAgent();
  Show("ImagePullBackOff", "");
  runtime_.RunFor(30s);
  EXPECT_THAT(Notes("Pod", kBad), Contains("BackOff: Back-off pulling image \"nginx\""));
  const Json& status = Items(At(cluster_.Pod(kBad), "status", "containerStatuses"))[0];
  EXPECT_EQ(TextAt(status, "state", "waiting", "reason"), "ImagePullBackOff");
  EXPECT_EQ(cluster_.Phase(kBad), "Pending");
}

// Its certificate, which it would have to renew.
TEST_F(AgentBadInputTest, TheCloudsCertificateHasExpired) {
  const auto refuse = [] {
    CloudError error;
    error.error = Error{Code::kUnavailable, "eci.example:443: its certificate, or its CA's, has expired"};
    return error;
  };
  provider_->refuses_ping = refuse;
  provider_->refuses_create = refuse;
  EXPECT_THAT(ToldOf(SimplePod(kBad), 2min),
              Contains(AllOf(StartsWith("InstanceCreateFailed: "), HasSubstr("has expired"))));
  EXPECT_THAT(Notes("Node", "vnode"), ElementsAre(AllOf(StartsWith("CloudUnreachable: "), HasSubstr("has expired"))));
}

// Everything is carried out, and nothing is answered.
class AgentHangingCloudTest : public AgentBadInputTest {
 protected:
  void Hang() {
    cloud_.options().lost_after = 1h;
    cloud_.faults().lost_reply = 1;
  }
  Duration LeaseAge() { return runtime_.WallNow() - *base::ParseRfc3339(TextAt(cluster_.lease, "spec", "renewTime")); }
};

TEST_F(AgentHangingCloudTest, IsToldOnTheNodeAndOnThePodThatWaits) {
  Hang();
  cluster_.AddPod(SimplePod(kBad));
  EXPECT_TRUE(Until([&] { return TextAt(NodeCondition("CloudReachable"), "status") == "False"; }, 30s));
  EXPECT_THAT(TextAt(NodeCondition("CloudReachable"), "message"), HasSubstr("no answer to ping within 10s"));
  EXPECT_TRUE(Until(
      [&] {
        const auto told = Notes("Pod", kBad);
        return std::any_of(told.begin(), told.end(), [](const std::string& note) {
          return note.starts_with("InstanceCreateFailed: [transient] no answer to create within 60s");
        });
      },
      2min));
  for (int minute = 0; minute < 58; ++minute) {
    runtime_.RunFor(1min);
    ASSERT_LT(LeaseAge(), 15s);
    ASSERT_EQ(TextAt(NodeCondition("Ready"), "status"), "True");
  }
  cloud_.faults().lost_reply = 0;
  EXPECT_TRUE(Until([&] { return IsRunning(kBad); }, 10min));
  EXPECT_EQ(TextAt(cluster_.Pod(kBad), "status", "reason"), "") << "it runs, whatever was said before";
  EXPECT_THAT(cloud_.Instances(), SizeIs(2)) << "one for each Pod";
}

TEST_F(AgentHangingCloudTest, APodThatIsDeletedMeanwhileLeavesNothing) {
  cluster_.AddPod(SimplePod(kBad));
  ASSERT_TRUE(Until([&] { return IsRunning(kBad); }));
  Hang();
  cluster_.DeletePod(kBad);
  runtime_.RunFor(5min);
  EXPECT_THAT(Notes("Pod", kBad), Contains(HasSubstr("no answer to delete within 60s")));
  EXPECT_FALSE(cluster_.Pod(kBad).is_null()) << "not before it is certain that the instance is gone";
  cloud_.faults().lost_reply = 0;
  EXPECT_TRUE(Until([&] { return cluster_.Pod(kBad).is_null(); }, 10min));
}

}  // namespace
}  // namespace spillway::cloud
