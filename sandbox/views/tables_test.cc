#include "sandbox/views/tables.h"

#include "sandbox/store/json_path.h"
#include "sandbox/testing/api_fixture.h"

namespace spillway::sandbox {
namespace {

struct PodCase {
  const char* name;
  const char* pod;
  const char* status;
};
void PrintTo(const PodCase& each, std::ostream* out) { *out << each.name; }

class PodStatus : public testing::TestWithParam<PodCase> {};

TEST_P(PodStatus, ReadsAsInKubectl) { EXPECT_EQ(PodStatusText(Json::parse(GetParam().pod)), GetParam().status); }

INSTANTIATE_TEST_SUITE_P(
    Table, PodStatus,
    testing::Values(
        PodCase{"pending", R"({"status":{"phase":"Pending"}})", "Pending"},
        PodCase{"reason_of_the_pod", R"({"status":{"phase":"Failed","reason":"Evicted"}})", "Evicted"},
        PodCase{"gated",
                R"({"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","reason":"SchedulingGated"}]}})",
                "SchedulingGated"},
        PodCase{
            "creating",
            R"({"status":{"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]}})",
            "ContainerCreating"},
        PodCase{
            "crash_loop",
            R"({"status":{"phase":"Running","containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}})",
            "CrashLoopBackOff"},
        PodCase{
            "completed",
            R"({"status":{"phase":"Succeeded","containerStatuses":[{"state":{"terminated":{"reason":"Completed","exitCode":0}}}]}})",
            "Completed"},
        PodCase{"exit_code",
                R"({"status":{"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":3}}}]}})",
                "ExitCode:3"},
        PodCase{
            "signal",
            R"({"status":{"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":137,"signal":9}}}]}})",
            "Signal:9"},
        PodCase{
            "one_done_one_running",
            R"({"status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[{"state":{"terminated":{"reason":"Completed"}}},{"ready":true,"state":{"running":{}}}]}})",
            "NotReady"},
        PodCase{
            "first_init_runs",
            R"({"spec":{"initContainers":[{"name":"i"},{"name":"j"}]},"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"running":{}}},{"name":"j","state":{"waiting":{"reason":"PodInitializing"}}}]}})",
            "Init:0/2"},
        PodCase{
            "init_failed",
            R"({"spec":{"initContainers":[{"name":"i"}]},"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"reason":"Error","exitCode":1}}}]}})",
            "Init:Error"},
        PodCase{"terminating",
                R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running"}})",
                "Terminating"},
        PodCase{
            "terminal_though_deleted",
            R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Failed","reason":"Evicted"}})",
            "Evicted"},
        PodCase{
            "node_lost",
            R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running","reason":"NodeLost"}})",
            "Unknown"}),
    [](const auto& info) { return info.param.name; });

TEST(HumanDuration, HasUpstreamsSteps) {
  using namespace std::chrono;
  EXPECT_EQ(HumanDuration(seconds(-1)), "0s");
  EXPECT_EQ(HumanDuration(seconds(-5)), "<invalid>");
  EXPECT_EQ(HumanDuration(seconds(119)), "119s");
  EXPECT_EQ(HumanDuration(seconds(120)), "2m");
  EXPECT_EQ(HumanDuration(seconds(125)), "2m5s");
  EXPECT_EQ(HumanDuration(minutes(179)), "179m");
  EXPECT_EQ(HumanDuration(minutes(185)), "3h5m");
  EXPECT_EQ(HumanDuration(hours(47)), "47h");
  EXPECT_EQ(HumanDuration(hours(50)), "2d2h");
  EXPECT_EQ(HumanDuration(hours(24 * 400)), "400d");
  EXPECT_EQ(HumanDuration(hours(24 * 800)), "2y70d");
}

class TablesTest : public testing::Test, public ApiFixture {};

TEST_F(TablesTest, EachRowHasACellForEachColumn) {
  for (const Kind& kind : AllKinds()) {
    const Json object = {{"metadata", {{"name", "x"}}}};
    EXPECT_EQ(TableCells(kind, object, WallTime{}).size(), TableColumns(kind).size()) << kind.GroupResource();
  }
}

TEST_F(TablesTest, PodsInAListAndInAWatch) {
  constexpr const char* kTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  (void)store().Create("pods", PodNamed("p"));
  const Json table = Get("/api/v1/namespaces/default/pods", kTable);
  EXPECT_EQ(TextAt(table, "kind"), "Table");
  EXPECT_EQ(table["rows"][0]["cells"],
            (Json{"p", "0/1", "Pending", "0", "0s", "<none>", "<none>", "<none>", "<none>"}));
  EXPECT_EQ(TextAt(table["rows"][0], "object.kind"), "PartialObjectMetadata");
  const auto watch = Watch("/api/v1/namespaces/default/pods?watch=true", kTable);
  (void)store().Bind("default", "p", {{"target", {{"name", "n1"}}}});
  Settle();
  ASSERT_EQ(watch->events.size(), 2u);
  EXPECT_EQ(watch->events[0]["object"]["columnDefinitions"].size(), 9u);
  EXPECT_EQ(watch->events[1]["object"]["columnDefinitions"].size(), 0u);
  EXPECT_EQ(watch->events[1]["object"]["rows"][0]["cells"][6], "n1");
}

}  // namespace
}  // namespace spillway::sandbox
