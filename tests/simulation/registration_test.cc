#include "tests/simulation/registration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sim_runtime.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RegistrationTest : public ::testing::Test {
 protected:
  RegistrationTest()
      : store_(runtime_, 1000),
        registration_(runtime_, store_, Duration(0), [this](const std::string&) { return in_charge_; }) {
    Register();
  }

  void Register() {
    const Json labels = {{"type", "virtual-kubelet"}};
    ASSERT_TRUE(store_.Create("nodes", {{"metadata", {{"name", "vnode"}, {"labels", labels}}}}));
    runtime_.RunFor(10ms);
  }
  void DeleteFor(Duration span) {
    ASSERT_TRUE(store_.Delete("nodes", "", "vnode"));
    runtime_.RunFor(span);
  }

  std::string in_charge_ = "agent_1";
  SimRuntime runtime_{1};
  sandbox::Store store_;
  Registration registration_;
};

TEST_F(RegistrationTest, ANodeThatIsBackSoonIsFine) {
  DeleteFor(1s);
  Register();
  EXPECT_THAT(registration_.wrong(), IsEmpty());
}

TEST_F(RegistrationTest, ANodeThatIsBackLateIsReported) {
  DeleteFor(10s);
  Register();
  ASSERT_THAT(registration_.wrong(), SizeIs(1));
  EXPECT_THAT(registration_.wrong()[0].why, HasSubstr("vnode was deleted and is back after 10s"));
}

TEST_F(RegistrationTest, NobodyIsBlamedWhoCouldNotSeeItOrIsAnother) {
  in_charge_ = "";
  DeleteFor(10s);
  in_charge_ = "agent_1";
  Register();
  DeleteFor(10s);
  in_charge_ = "agent_2";
  Register();
  EXPECT_THAT(registration_.wrong(), IsEmpty());
}

}  // namespace
}  // namespace spillway::simulation
