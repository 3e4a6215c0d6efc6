// The EKSCI provider against the emulator: what real clouds do to those who trust them.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/emulators/eksci_world.h"
#include "tests/emulators/provider_fixture.h"

namespace spillway::emulators {
namespace {

using cloud::CloudResult;
using cloud::CloudStatus;
using cloud::CreateRequest;
using cloud::Instance;
using cloud::InstanceScope;
using cloud::InstanceState;
using cloud::LogOptions;
using cloud::Refusal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class EksciProviderTest : public CloudProviderTest<EksciCloud> {
 protected:
  std::uint64_t Describes() { return Calls("DescribeEKSContainerInstances"); }
  CloudResult<cloud::LogPart> Log(const std::string& id, LogOptions options = {}, std::string cursor = "") {
    if (options.container.empty()) options.container = "main";
    auto part = world_.Get(provider().streams()->ReadLog(id, std::move(options), std::move(cursor)));
    EXPECT_TRUE(part) << part.error().message;
    return part ? CloudResult<cloud::LogPart>(*part) : CloudResult<cloud::LogPart>(cloud::LogPart());
  }
};

// ---- listings

TEST_F(EksciProviderTest, AnotherProcessKnowsItsInstancesAgain) {
  CreateRequest request = As(EksciWorld::Forever(), "u1", std::string(200, 'n'));
  request.identity.pod_name = std::string(253, 'p');
  ASSERT_TRUE(Create(request));
  const auto other = world_.NewProvider();
  auto listed = world_.Get(other->List("cluster"));
  ASSERT_TRUE(listed);
  ASSERT_THAT(*listed, SizeIs(1));
  EXPECT_EQ(listed->at(0).identity, request.identity);
  EXPECT_TRUE(listed->at(0).created_at);
  EXPECT_THAT(List("another"), IsEmpty());
}

TEST_F(EksciProviderTest, WhereTheEnvironmentIsNotToldTheNameSaysWhatMatters) {
  ASSERT_TRUE(Create(As(EksciWorld::Forever(), "u1")));
  faults().hides_environment = true;
  EXPECT_EQ(List().at(0).identity.pod_name, "pod-u1") << "this process has made it";
  const auto other = world_.NewProvider();
  InstanceScope scope{"cluster", "vnode"};
  auto polled = world_.Get(other->Poll(scope, ""));
  ASSERT_TRUE(polled);
  ASSERT_THAT(polled->instances, SizeIs(1));
  EXPECT_EQ(polled->instances[0].identity, (cloud::InstanceIdentity{"cluster", "vnode", "u1", "", ""}));
}

TEST_F(EksciProviderTest, ListsAllPages) {
  for (int i = 0; i < 350; ++i) Make("u" + std::to_string(i));
  world_.runtime().RunFor(30s);
  const auto before = Describes();
  EXPECT_THAT(List(), SizeIs(350));
  EXPECT_EQ(Describes() - before, 4u);
}

// What lives throughout is in every listing, however the pages move.
TEST_F(EksciProviderTest, AListingIsCompleteOrAnError) {
  std::set<std::string> all;
  for (int i = 0; i < 320; ++i) all.insert(Make("u" + std::to_string(i)));
  faults().moving_pages = 0.5;
  faults().server_error = 0.05;
  int whole = 0, failed = 0;
  for (int i = 0; i < 40; ++i) {
    auto listed = world_.Get(provider().List("cluster"));
    (listed ? whole : failed) += 1;
    if (!listed) continue;
    std::set<std::string> seen;
    for (const Instance& instance : *listed) seen.insert(instance.id);
    for (const eksci::Instance& live : emulator().Live()) {
      EXPECT_TRUE(live.deleted_at || seen.contains(live.id)) << live.id;
    }
  }
  EXPECT_GT(whole, 0);
  EXPECT_GT(failed, 0);
}

TEST_F(EksciProviderTest, ListingsKeepToTheirPace) {
  for (int i = 0; i < 500; ++i) Make("u" + std::to_string(i));
  List();
  const Instant then = world_.runtime().Now();
  for (int i = 0; i < 10; ++i) List();
  const std::chrono::duration<double> took = world_.runtime().Now() - then;
  EXPECT_GT(took.count(), 10 * 6 / (20 * 0.08) * 0.9) << "6 calls each, of which 1.6 a second";
}

TEST_F(EksciProviderTest, WhatOtherNodesWaitForIsTheirs) {
  const auto other = world_.NewProvider();
  ASSERT_TRUE(world_.Get(other->Create(As(EksciWorld::Forever(), "theirs", "another"))));
  ASSERT_TRUE(Poll());
  const auto before = Describes();
  world_.runtime().RunFor(5s);
  ASSERT_TRUE(Poll("1"));
  EXPECT_LE(Describes() - before, 7u) << "sweeps alone, while the other's instance is pending";
  EXPECT_EQ(Calls("DescribeEKSContainerInstanceEvent"), 0u);
}

// ---- no place

TEST_F(EksciProviderTest, AZoneWithoutStockIsGoneAround) {
  faults().zones_without_stock = {"ap-emulated-1"};
  Make("a");
  EXPECT_EQ(emulator().last_create()["SubnetId"], "subnet-b");
  EXPECT_THAT(provider().OutOfStock(), ElementsAre(cloud::rest::Subnet{"subnet-a", "ap-emulated-1"}));
  const auto creates = Calls("CreateEKSContainerInstances");
  Make("b");
  EXPECT_EQ(Calls("CreateEKSContainerInstances"), creates + 1) << "it is not asked again for a while";
  faults().zones_without_stock = {"ap-emulated-1", "ap-emulated-2"};
  auto refused = Create(As(EksciWorld::Forever(), "c"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal, Refusal::kStock);
  EXPECT_THAT(ToString(refused.error()), HasSubstr("CreateEKSContainerInstances: ResourcesSoldOut"));
  EXPECT_THAT(List(), SizeIs(2));
}

TEST_F(EksciProviderTest, OneThatWaitsForAPlaceInVainIsGivenUp) {
  faults().late_no_stock = 1;
  const std::string id = Make("a");
  world_.runtime().RunFor(10s);
  Instance instance = One(id);
  EXPECT_EQ(instance.state, InstanceState::kPending);
  ASSERT_FALSE(instance.events.empty());
  EXPECT_EQ(instance.events.back().reason, "CreatePodSandboxFailed");
  world_.runtime().RunFor(60s);
  instance = One(id);
  EXPECT_EQ(instance.state, InstanceState::kFailed);
  EXPECT_EQ(instance.refused, Refusal::kStock);
  EXPECT_EQ(instance.reason, "CreatePodSandboxFailed");
  EXPECT_THAT(provider().OutOfStock(), SizeIs(1));
  EXPECT_EQ(One(id), instance) << "for good";
}

// ---- one attempt, one instance

TEST_F(EksciProviderTest, AfterALostAnswerTheSameAttemptFindsItsInstance) {
  faults().lost_reply = 1;
  faults().shown_late = 8s;
  CreateRequest request = As(EksciWorld::Forever(), "a");
  auto lost = Create(request);
  ASSERT_FALSE(lost) << "not even the look before it was answered";
  faults().lost_reply = 0;
  ASSERT_TRUE(Create(request));
  faults().lost_reply = 1;
  CreateRequest other = As(EksciWorld::Forever(), "b");
  const std::string made = [&] {
    faults().lost_reply = 0;
    return Make("c");
  }();
  EXPECT_FALSE(made.empty());
  EXPECT_THAT(emulator().violations(), IsEmpty());
}

// Some creates are made and not answered, and show late: none is made twice.
TEST_F(EksciProviderTest, NoAttemptIsMadeTwiceHoweverOftenItIsAskedFor) {
  faults().lost_reply = 0.4;
  faults().shown_late = 9s;
  for (int i = 0; i < 30; ++i) {
    const CreateRequest request = As(EksciWorld::Forever(), "u" + std::to_string(i));
    for (int tries = 0; tries < 50; ++tries) {
      if (Create(request)) break;
      world_.runtime().RunFor(1s);
    }
  }
  faults() = {};
  world_.runtime().RunFor(10s);
  EXPECT_THAT(emulator().violations(), IsEmpty());
  EXPECT_EQ(emulator().live(), 30u);
}

TEST_F(EksciProviderTest, OfTwoTheOlderCountsAndTheOtherGoes) {
  const std::string first = Make("a");
  world_.runtime().RunFor(3s);
  const std::string second = emulator().Double(first);
  ASSERT_THAT(List(), SizeIs(2)) << "both are told: the agent collects what it does not own";
  const auto other = world_.NewProvider();
  auto found = world_.Get(other->Create(As(EksciWorld::Forever(), "a")));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, first);
  world_.runtime().RunFor(3s);
  const auto live = emulator().Live();
  ASSERT_THAT(live, SizeIs(1));
  EXPECT_EQ(live[0].id, first);
}

TEST_F(EksciProviderTest, AnAttemptWhoseInstanceIsToGoNeedsANewToken) {
  const std::string id = Make("a");
  ASSERT_TRUE(world_.Get(provider().Delete(id, 0s)));
  auto again = Create(As(EksciWorld::Forever(), "a"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().error.code, Code::kAlreadyExists);
}

// ---- failures

TEST_F(EksciProviderTest, LostPermissionIsAnErrorEverywhere) {
  Make("a");
  ASSERT_TRUE(Poll());
  EXPECT_TRUE(Ping());
  faults().permission_lost = true;
  EXPECT_FALSE(world_.Get(provider().List("cluster")));
  CloudStatus ping = Ping();
  ASSERT_FALSE(ping);
  EXPECT_EQ(ping.error().refusal, Refusal::kAuth);
  EXPECT_THAT(ToString(ping.error()), HasSubstr("UnauthorizedOperation.CamNoAuth"));
  faults() = {};
  faults().lists_nothing = true;
  EXPECT_TRUE(Ping()) << "it was there a moment ago";
  world_.runtime().RunFor(2min);
  ping = Ping();
  ASSERT_FALSE(ping) << "an empty cloud, moments after it was not";
  EXPECT_THAT(ToString(ping.error()), HasSubstr("EKSCI lists nothing"));
}

TEST_F(EksciProviderTest, WrongKeysAreToldWithoutBeingShown) {
  emulator().options().keys["emulated-id"].secret = "another";
  auto refused = Create(As(EksciWorld::Forever(), "a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal, Refusal::kAuth);
  EXPECT_THAT(ToString(refused.error()), HasSubstr("AuthFailure.SignatureFailure"));
  EXPECT_THAT(ToString(refused.error()), Not(HasSubstr("emulated-secret")));
  EXPECT_FALSE(refused.error().request_id.empty());
}

TEST_F(EksciProviderTest, WhatEksciCannotHaveIsRefusedBeforeAnybodyIsAsked) {
  CreateRequest request = EksciWorld::Forever();
  request.pod["spec"]["containers"][0]["resources"]["requests"] = {{"cpu", "100"}};
  auto refused = Create(As(request, "a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal, Refusal::kInvalid);
  EXPECT_THAT(ToString(refused.error()), HasSubstr("the largest is 64 vCPU"));
  EXPECT_TRUE(emulator().counts().calls.empty());
}

// ---- logs

TEST_F(EksciProviderTest, ALogIsFollowedThroughItsWindowWithoutLossOrRepetition) {
  CreateRequest request = EksciWorld::Forever();
  request.pod["spec"]["containers"][0]["env"].push_back({{"name", "LOG_EVERY_MS"}, {"value", "50"}});
  const std::string id = Make("a", request);
  world_.runtime().RunFor(10s);
  One(id);
  std::string text, cursor;
  for (int i = 0; i < 150; ++i) {
    auto part = Log(id, {}, cursor);
    EXPECT_FALSE(part->has_gap);
    text += part->text;
    cursor = part->cursor;
    world_.runtime().RunFor(830ms);
  }
  std::string expected;
  const auto lines = std::count(text.begin(), text.end(), '\n');
  for (int i = 0; i < lines; ++i) expected += "main line " + std::to_string(i) + "\n";
  EXPECT_EQ(text, expected);
  EXPECT_GT(lines, 2300) << "more than a window";
  world_.runtime().RunFor(10min);
  EXPECT_TRUE(Log(id, {}, cursor)->has_gap) << "12,000 lines went through a window of 2,000";
}

TEST_F(EksciProviderTest, LogsAreCutAsAsked) {
  const std::string id = Make("a");
  world_.runtime().RunFor(20s);
  One(id);
  LogOptions options;
  options.tail_lines = 2;
  auto part = Log(id, options);
  EXPECT_THAT(part->text, ::testing::MatchesRegex("main line [0-9]+\nmain line [0-9]+\n"));
  world_.runtime().RunFor(1s);
  EXPECT_THAT(Log(id, {}, part->cursor)->text, ::testing::MatchesRegex("main line [0-9]+\n")) << "only what is new";
  options.tail_lines = 0;
  EXPECT_EQ(Log(id, options)->text, "");
  options.tail_lines.reset();
  options.limit_bytes = 6;
  EXPECT_EQ(Log(id, options)->text, "main l");
  options.limit_bytes.reset();
  options.since = world_.runtime().WallNow() - 3s;
  const std::string since = Log(id, options)->text;
  EXPECT_LE(std::count(since.begin(), since.end(), '\n'), 4);
  options.container = "main";
  options.previous = true;
  EXPECT_EQ(world_.Get(provider().streams()->ReadLog(id, options, "")).error().code, Code::kNotFound);
  options.previous = false;
  options.container = "other";
  EXPECT_EQ(world_.Get(provider().streams()->ReadLog(id, options, "")).error().code, Code::kNotFound);
  options.timestamps = true;
  EXPECT_TRUE(cloud::IsUnimplemented(world_.Get(provider().streams()->ReadLog(id, options, "")).error()));
}

TEST_F(EksciProviderTest, TheRunBeforeHasALogOfItsOwn) {
  CreateRequest request = EksciWorld::Brief(1);
  request.pod["spec"]["restartPolicy"] = "Always";
  const std::string id = Make("a", request);
  world_.runtime().RunFor(4s);
  const Instance instance = One(id);
  ASSERT_EQ(instance.containers.at(0).restart_count, 1);
  LogOptions options;
  options.previous = true;
  auto part = Log(id, options);
  EXPECT_EQ(part->text, "main line 0\nmain line 1\n");
  EXPECT_TRUE(part->is_end);
}

TEST_F(EksciProviderTest, ThereAreNoCommands) {
  const std::string id = Make("a");
  cloud::ExecRequest request{"main", {"ls"}};
  EXPECT_TRUE(cloud::IsUnimplemented(world_.Get(provider().streams()->Exec(id, request)).error()));
}

}  // namespace
}  // namespace spillway::emulators
