// The ECI provider against the emulator: what real clouds do to those who trust them.
#include <gmock/gmock.h>

#include "tests/emulators/eci_world.h"
#include "tests/emulators/provider_fixture.h"

namespace spillway::emulators {
namespace {

using cloud::CloudStatus;
using cloud::CreateRequest;
using cloud::ExecRequest;
using cloud::Instance;
using cloud::InstanceState;
using cloud::Json;
using cloud::LogOptions;
using cloud::Refusal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EciProviderTest : public CloudProviderTest<EciCloud> {};

TEST_F(EciProviderTest, KnowsItsInstancesAgainByTheirTags) {
  CreateRequest request = As(EciWorld::Forever(), "u1", std::string(200, 'n'));
  request.identity.pod_name = std::string(253, 'p');
  ASSERT_TRUE(Create(request));
  const auto listed = List();
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_EQ(listed[0].identity, request.identity) << "names of 253 characters in tags of 128";
  EXPECT_TRUE(listed[0].created_at);
}

TEST_F(EciProviderTest, ListsAllPagesAndAsksForDetailsOnce) {
  for (int i = 0; i < 450; ++i) Make("u" + std::to_string(i));
  world_.runtime().RunFor(10s);
  EXPECT_THAT(List(), SizeIs(450));
  const auto details = Calls("DescribeContainerGroups"), pages = Calls("DescribeContainerGroupStatus");
  EXPECT_EQ(pages, 3u);
  EXPECT_EQ(details, 23u);
  EXPECT_THAT(List(), SizeIs(450));
  EXPECT_EQ(Calls("DescribeContainerGroups"), details);
}

TEST_F(EciProviderTest, AListingThatBreaksOffIsAnErrorAndNotShort) {
  for (int i = 0; i < 250; ++i) Make("u" + std::to_string(i));
  faults().server_error = 0.5;
  int whole = 0, failed = 0;
  for (int i = 0; i < 40; ++i) {
    auto listed = world_.Get(provider().List("cluster"));
    if (listed) {
      EXPECT_THAT(*listed, SizeIs(250));
      ++whole;
    } else {
      EXPECT_THAT(ToString(listed.error()), HasSubstr("InternalError"));
      ++failed;
    }
  }
  EXPECT_GT(whole, 0);
  EXPECT_GT(failed, 0);
}

TEST_F(EciProviderTest, ALateStockOutIsOneAndItsZoneRests) {
  faults().late_no_stock = 1;
  const std::string id = Make("a");
  world_.runtime().RunFor(5s);
  const Instance instance = One(id);
  EXPECT_EQ(instance.state, InstanceState::kFailed);
  EXPECT_EQ(instance.refused, Refusal::kStock);
  EXPECT_EQ(instance.reason, "NoStock");
  EXPECT_THAT(provider().OutOfStock(), ElementsAre(cloud::rest::Subnet{"vsw-a", "cn-emulated-a"}));
  faults().late_no_stock = 0;
  Make("b");
  EXPECT_EQ(world_.emulator().last_create().at("VSwitchId"), "vsw-b");
}

TEST_F(EciProviderTest, AZoneWithoutStockIsGoneAroundByTheCloudItself) {
  faults().zones_without_stock = {"cn-emulated-a"};
  Make("a");
  EXPECT_EQ(world_.emulator().last_create().at("VSwitchId"), "vsw-a,vsw-b");
  faults().zones_without_stock = {"cn-emulated-a", "cn-emulated-b"};
  auto refused = Create(As(EciWorld::Forever(), "b"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal, Refusal::kStock);
  EXPECT_THAT(ToString(refused.error()), HasSubstr("CreateContainerGroup: NoStock"));
}

TEST_F(EciProviderTest, AfterALostAnswerTheSameTokenFindsTheSameInstance) {
  faults().lost_reply = 1;
  auto lost = Create(As(EciWorld::Forever(), "a"));
  ASSERT_FALSE(lost);
  EXPECT_TRUE(lost.error().is_uncertain());
  faults().lost_reply = 0;
  faults().late_no_stock = 0;
  Make("a");
  EXPECT_THAT(List(), SizeIs(1));
  EXPECT_THAT(world_.emulator().violations(), IsEmpty());
}

TEST_F(EciProviderTest, LostPermissionIsNoEmptyCloud) {
  Make("a");
  ASSERT_TRUE(Poll());
  EXPECT_TRUE(Ping());
  faults().permission_lost = true;
  EXPECT_THAT(List(), IsEmpty()) << "this is what the cloud says";
  const CloudStatus ping = Ping();
  ASSERT_FALSE(ping);
  EXPECT_EQ(ping.error().refusal, Refusal::kAuth);
  EXPECT_THAT(ToString(ping.error()), HasSubstr("Forbidden.RAM"));
}

TEST_F(EciProviderTest, HalfAPermissionIsNoShortListing) {
  Make("a");
  faults().details_hidden = true;
  auto listed = world_.Get(provider().List("cluster"));
  ASSERT_FALSE(listed);
  EXPECT_THAT(ToString(listed.error()), HasSubstr("are both allowed?"));
}

TEST_F(EciProviderTest, WrongKeysAreToldWithoutBeingShown) {
  world_.emulator().options().keys["emulated-key"].secret = "another";
  auto refused = Create(As(EciWorld::Forever(), "a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal, Refusal::kAuth);
  EXPECT_THAT(ToString(refused.error()), HasSubstr("SignatureDoesNotMatch"));
  EXPECT_THAT(ToString(refused.error()), ::testing::Not(HasSubstr("emulated-secret")));
  EXPECT_FALSE(refused.error().request_id.empty());
}

TEST_F(EciProviderTest, PricesOfAVcpuAndAGibComeFromTwoQuotes) {
  EXPECT_FALSE(provider().market().prices);
  const Json pod = EciWorld::Forever().pod;
  EXPECT_EQ(provider().BillFor(pod).micro_per_hour, std::nullopt);
  ASSERT_TRUE(Refresh());
  const cloud::Market market = provider().market();
  ASSERT_TRUE(market.prices);
  EXPECT_EQ(market.prices->price, (kube::Price{176'400, 22'068}));
  EXPECT_EQ(market.prices->currency, "CNY");
  EXPECT_EQ(market.prices->source, "DescribeContainerGroupPrice");
  EXPECT_EQ(market.prices->observed_at, runtime().WallNow());
  EXPECT_EQ(provider().BillFor(pod), (cloud::Bill{"cpu=2,memory=4Gi", 2000, std::int64_t{4} << 30, 441'072}))
      << "ECI's own default";
  EXPECT_EQ(Calls("DescribeContainerGroupPrice"), 2u);
  EXPECT_EQ(Calls("DescribeAvailableResource"), 0u) << "it knows instance types alone";
}

TEST_F(EciProviderTest, PricesThatMayNotBeSeenAreUnknownAndThoseThatWereStay) {
  faults().permission_lost = true;
  const CloudStatus refused = Refresh();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal, Refusal::kAuth);
  EXPECT_FALSE(provider().market().prices);
  faults().permission_lost = false;
  ASSERT_TRUE(Refresh());
  faults().permission_lost = true;
  EXPECT_FALSE(Refresh());
  EXPECT_TRUE(provider().market().prices);
}

TEST_F(EciProviderTest, AnInstanceTypeHasAPriceAndAStockInEachZone) {
  auto options = EciWorld::Options();
  options.instance_types = "ecs.c7.large";
  world_.UseOptions(std::move(options));
  faults().zones_without_stock = {"cn-emulated-b"};
  ASSERT_TRUE(Refresh());
  EXPECT_EQ(provider().BillFor(EciWorld::Forever().pod), (cloud::Bill{"ecs.c7.large", 0, 0, 630'000}));
  const cloud::Market market = provider().market();
  EXPECT_FALSE(market.prices) << "not sold by the vCPU";
  const WallTime now = runtime().WallNow();
  ASSERT_TRUE(market.stock);
  EXPECT_THAT(*market.stock, ElementsAre(cloud::Stock{"cn-emulated-a", "ecs.c7.large", "WithStock", now},
                                         cloud::Stock{"cn-emulated-b", "ecs.c7.large", "WithoutStock", now}));
}

TEST_F(EciProviderTest, AZoneThatRestsIsToldAndSoIsTheQuota) {
  faults().late_no_stock = 1;
  const std::string id = Make("a");
  runtime().RunFor(5s);
  ASSERT_EQ(One(id).refused, Refusal::kStock);
  const WallTime seen = runtime().WallNow();
  runtime().RunFor(30s);
  ASSERT_TRUE(Ping());
  const cloud::Market market = provider().market();
  ASSERT_TRUE(market.stock);
  ASSERT_THAT(*market.stock, SizeIs(1));
  EXPECT_EQ((*market.stock)[0].place, "vsw-a");
  EXPECT_EQ((*market.stock)[0].status, "OutOfStock");
  EXPECT_LE(std::chrono::abs((*market.stock)[0].observed_at - seen), 1s);
  ASSERT_THAT(market.quotas, SizeIs(1));
  EXPECT_EQ(market.quotas[0].resource, "cpu");
  EXPECT_EQ(market.quotas[0].limit, 100000);
  runtime().RunFor(1min);
  EXPECT_THAT(*provider().market().stock, IsEmpty()) << "it is tried again";
}

TEST_F(EciProviderTest, ReclaimedSpotInstancesHaveFailed) {
  const std::string id = Make("a");
  world_.runtime().RunFor(5s);
  ASSERT_EQ(One(id).state, InstanceState::kRunning);
  ASSERT_TRUE(world_.emulator().Reclaim(id));
  world_.runtime().RunFor(1s);
  const Instance gone = One(id);
  EXPECT_EQ(gone.state, InstanceState::kFailed);
  EXPECT_FALSE(gone.refused) << "it had run";
  EXPECT_EQ(gone.reason, "SpotReclaimed");
  ASSERT_TRUE(gone.containers.at(0).ended);
  EXPECT_EQ(gone.containers[0].ended->exit_code, 137);
}

// "Gone" is then no evidence of a deletion: the agent has copied how they ended long before.
TEST_F(EciProviderTest, OfEndedGroupsTheLast100AreToldAfterAnHour) {
  for (int i = 0; i < 120; ++i) Make("u" + std::to_string(i), EciWorld::Brief(0));
  world_.runtime().RunFor(30min);
  EXPECT_THAT(List(), SizeIs(120));
  world_.runtime().RunFor(1h);
  EXPECT_THAT(List(), SizeIs(100));
}

TEST_F(EciProviderTest, WhatEciCannotHaveIsRefusedBeforeAnybodyIsAsked) {
  CreateRequest request = EciWorld::Forever();
  request.pod["spec"]["containers"][0]["resources"]["requests"] = {{"cpu", "100"}};
  auto refused = Create(As(request, "a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal, Refusal::kInvalid);
  EXPECT_THAT(ToString(refused.error()), HasSubstr("the largest is 64 vCPU"));
  EXPECT_EQ(Calls("CreateContainerGroup"), 0u);
}

TEST_F(EciProviderTest, LargeRequestsGoAsAForm) {
  CreateRequest request = EciWorld::Forever();
  cloud::PodVolume volume;
  volume.name = "conf";
  volume.files.push_back({"big.txt", std::string(20000, 'x'), 0644});
  request.volumes.push_back(volume);
  request.pod["spec"]["volumes"].push_back({{"name", "conf"}, {"configMap", {{"name", "conf"}}}});
  Make("a", request);
  EXPECT_EQ(world_.emulator().last_create().at("Volume.1.ConfigFileVolume.ConfigFileToPath.1.Mode"), "644");
}

// ---- streams

TEST_F(EciProviderTest, ALogIsFollowedThroughItsWindowWithoutLossOrRepetition) {
  CreateRequest request = EciWorld::Forever();
  request.pod["spec"]["containers"][0]["env"].push_back({{"name", "LOG_EVERY_MS"}, {"value", "50"}});
  const std::string id = Make("a", request);
  world_.runtime().RunFor(10s);
  One(id);
  LogOptions options;
  options.container = "main";
  std::string text, cursor;
  for (int i = 0; i < 20; ++i) {
    auto part = world_.Get(provider().streams()->ReadLog(id, options, cursor));
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_FALSE(part->has_gap);
    text += part->text;
    cursor = part->cursor;
    world_.runtime().RunFor(730ms);
  }
  std::string expected;
  const auto lines = std::count(text.begin(), text.end(), '\n');
  for (int i = 0; i < lines; ++i) expected += "main line " + std::to_string(i) + "\n";
  EXPECT_EQ(text, expected);
  EXPECT_GT(lines, 400);
  world_.runtime().RunFor(10min);
  auto late = world_.Get(provider().streams()->ReadLog(id, options, cursor));
  ASSERT_TRUE(late);
  EXPECT_TRUE(late->has_gap) << "12,000 lines went through a window of 2,000";
}

TEST_F(EciProviderTest, LogsAreCutAsAsked) {
  const std::string id = Make("a");
  world_.runtime().RunFor(20s);
  One(id);
  LogOptions options;
  options.container = "main";
  options.tail_lines = 2;
  auto part = world_.Get(provider().streams()->ReadLog(id, options, ""));
  ASSERT_TRUE(part);
  EXPECT_THAT(part->text, ::testing::MatchesRegex("main line [0-9]+\nmain line [0-9]+\n"));
  options.tail_lines = 0;
  part = world_.Get(provider().streams()->ReadLog(id, options, ""));
  ASSERT_TRUE(part);
  EXPECT_EQ(part->text, "");
  options.container = "other";
  EXPECT_EQ(world_.Get(provider().streams()->ReadLog(id, options, "")).error().code, Code::kNotFound);
}

TEST_F(EciProviderTest, CommandsRunToTheirEnd) {
  const std::string id = Make("a");
  world_.runtime().RunFor(5s);
  ExecRequest request{"main", {"ls", "-l"}};
  auto session = world_.Get(provider().streams()->Exec(id, request));
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(world_.Get((*session)->ReadOutput(cloud::OutputStream::kStdout)), "ran ls -l\n");
  EXPECT_EQ(world_.Get((*session)->ReadOutput(cloud::OutputStream::kStdout)), "");
  request.is_terminal = true;
  EXPECT_TRUE(cloud::IsUnimplemented(world_.Get(provider().streams()->Exec(id, request)).error()));
}

TEST_F(EciProviderTest, FiguresAreAskedForOnceAMinuteForAllAtOnce) {
  std::vector<std::string> ids;
  for (int i = 0; i < 30; ++i) ids.push_back(Make("u" + std::to_string(i)));
  world_.runtime().RunFor(10s);
  List();
  auto stats = world_.Get(provider().streams()->Stats(ids));
  ASSERT_TRUE(stats);
  ASSERT_THAT(*stats, SizeIs(30));
  EXPECT_GT(stats->front().containers.at(0).cpu_nanoseconds, 0u);
  world_.runtime().RunFor(30s);
  ASSERT_TRUE(world_.Get(provider().streams()->Stats(ids)));
  EXPECT_EQ(Calls("DescribeMultiContainerGroupMetric"), 2u);
}

}  // namespace
}  // namespace spillway::emulators
