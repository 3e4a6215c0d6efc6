#include "controller/webhook/lease_watch.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "kube/json.h"
#include "kube/testing/fake_transport.h"

namespace spillway::webhook {
namespace {

using kube::testing::FakeTransport;
using Standing = LeaseWatch::Standing;

// An API server with one Lease, or none, and its watch.
class LeaseWatchTest : public ::testing::Test {
 protected:
  LeaseWatchTest() {
    log::Quiet();
    transport_.on_request = [this](const kube::Request& request) -> std::optional<Result<kube::Response>> {
      if (request.path.find("watch=") != std::string::npos) return std::nullopt;
      EXPECT_NE(request.path.find("fieldSelector=metadata.name%3Dspillway-controller"), std::string::npos);
      kube::Json items = kube::Json::array();
      if (!holder_.empty()) items.push_back(Lease());
      const kube::Json list = {
          {"kind", "LeaseList"}, {"metadata", {{"resourceVersion", "1"}}}, {"items", std::move(items)}};
      return FakeTransport::Reply(200, list.dump());
    };
  }
  kube::Json Lease() {
    return {{"kind", "Lease"},
            {"metadata",
             {{"name", "spillway-controller"},
              {"namespace", "ops"},
              {"uid", "u"},
              {"resourceVersion", std::to_string(++version_)}}},
            {"spec",
             {{"holderIdentity", holder_},
              {"leaseDurationSeconds", 15},
              {"renewTime", base::FormatRfc3339Micro(renewed_)}}}};
  }
  void Start() {
    watch_.Start();
    Pass(1s);
  }
  void Pass(Duration time) {
    (void)runtime_.RunUntil([] { return false; }, time);
  }
  void Tell(const char* type) {
    const kube::Json event = {{"type", type}, {"object", Lease()}};
    transport_.open().back()->Data(event.dump() + "\n");
    Pass(100ms);
  }
  void Renew() {
    renewed_ = runtime_.WallNow();
    Tell("MODIFIED");
  }

  SimRuntime runtime_{3};
  FakeTransport transport_{runtime_};
  int version_ = 1;
  std::string holder_ = "a";
  WallTime renewed_ = runtime_.WallNow();
  LeaseWatch watch_{runtime_, transport_, "ops", "spillway-controller"};
};

TEST_F(LeaseWatchTest, UntilItIsListedNothingIsKnown) {
  EXPECT_EQ(watch_.Now(), Standing::kUnknown);
  EXPECT_EQ(watch_.Known().error().message, "lease ops/spillway-controller: not listed yet");
  Start();
  EXPECT_TRUE(watch_.Known());
  EXPECT_EQ(watch_.Now(), Standing::kHeld);
}

TEST_F(LeaseWatchTest, ItIsHeldAsLongAsItIsRenewed) {
  Start();
  for (int i = 0; i < 10; ++i) {
    Pass(10s);
    EXPECT_EQ(watch_.Now(), Standing::kHeld);
    Renew();
  }
  Pass(14s);
  EXPECT_EQ(watch_.Now(), Standing::kHeld);
  Pass(2s);
  EXPECT_EQ(watch_.Now(), Standing::kFree);
}

TEST_F(LeaseWatchTest, OneThatWasLeftLongAgoIsNotHeld) {
  renewed_ -= 1h;
  Start();
  EXPECT_EQ(watch_.Now(), Standing::kFree);
  Tell("MODIFIED");  // and nothing of it has changed
  EXPECT_EQ(watch_.Now(), Standing::kFree);
  Renew();
  EXPECT_EQ(watch_.Now(), Standing::kHeld);
}

TEST_F(LeaseWatchTest, AHolderWhoseClockIsBehindIsBelievedFromItsFirstRenewalOn) {
  renewed_ -= 1h;
  Start();
  renewed_ += 2s;
  Tell("MODIFIED");
  EXPECT_EQ(watch_.Now(), Standing::kHeld);
}

TEST_F(LeaseWatchTest, OneThatIsGivenBackOrDeletedIsFreeAtOnce) {
  Start();
  holder_.clear();
  Renew();
  EXPECT_EQ(watch_.Now(), Standing::kFree);
  holder_ = "b";
  Renew();
  EXPECT_EQ(watch_.Now(), Standing::kHeld);
  Tell("DELETED");
  EXPECT_EQ(watch_.Now(), Standing::kFree);
}

TEST_F(LeaseWatchTest, WithoutALeaseNobodyHoldsIt) {
  holder_.clear();
  Start();
  EXPECT_EQ(watch_.Now(), Standing::kFree);
}

}  // namespace
}  // namespace spillway::webhook
