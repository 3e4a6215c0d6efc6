// What looks after a container's processes is killed: none of them may be left when the next run begins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <sstream>

#include "cloud/testing/process_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A run tells which daemons of runs before it still live, starts two (one of them as daemons clean up: no environment,
// no session, no parent) and stays.
constexpr char kRun[] = R"sh(
for pid in $(cat $HOME/daemons 2>/dev/null); do
  [ -d /proc/$pid ] && ! grep -q ') Z' /proc/$pid/stat && echo left $pid
done
daemon() { "$@" setsid sh -c 'setsid sleep 1000 & echo $! >> "$0"; exit' $HOME/daemons & }
wanted=$(($(cat $HOME/daemons 2>/dev/null | wc -l) + $#))
for how in "$@"; do daemon $how; done
while [ "$(cat $HOME/daemons | wc -l)" -lt $wanted ]; do sleep 0.01; done
echo up
exec sleep 1000
)sh";

class ProcessShimDeathTest : public testing::ProcessFixture {
 protected:
  // How two daemons are started.
  Task<std::string> Create(std::string one, std::string other) {
    const std::vector<std::string> command = {"sh", "-c", kRun, "run", std::move(one), std::move(other)};
    const Json container = {{"name", "main"}, {"image", "none"}, {"command", command}};
    CreateRequest request;
    request.identity = {"cluster", "vnode", "u", "default", "p"};
    request.client_token = "0123456789abcdef012345" + std::to_string(next_token_++);
    request.pod = {{"metadata", {{"name", "p"}, {"namespace", "default"}, {"uid", "u"}}},
                   {"spec", {{"restartPolicy", "Always"}, {"containers", Json::array({container})}}}};
    auto made = co_await provider_->Create(std::move(request));
    EXPECT_TRUE(made);
    co_return made ? made->id : "";
  }
  Task<bool> Until(std::function<bool()> done) {
    const Instant deadline = runtime_.Now() + 60s;
    while (!done() && runtime_.Now() < deadline) co_await runtime_.SleepFor(5ms);
    co_return done();
  }
  std::string Kept(const std::string& id, const std::string& path) const {
    return ReadPrivateFile(directory_ + "/state/" + id + "/" + path).value_or("");
  }
  bool IsUp(const std::string& id, int run) const {
    return Kept(id, "c-main/log." + std::to_string(run)).ends_with(" up\n");
  }
  std::vector<pid_t> Daemons(const std::string& id) const {
    std::istringstream text(Kept(id, "work/daemons"));
    std::vector<pid_t> pids;
    for (pid_t pid = 0; text >> pid;) pids.push_back(pid);
    return pids;
  }
  pid_t Shim(const std::string& id) const { return std::atoi(Kept(id, "c-main/pid.0").c_str()); }
  static pid_t ParentOf(pid_t pid) {
    const std::string stat = ReadPrivateFile("/proc/" + std::to_string(pid) + "/stat", 4096).value_or("");
    const auto end = stat.rfind(')');
    return end == std::string::npos ? 0 : std::atoi(stat.c_str() + end + 4);  // ") S <parent>"
  }
  pid_t Keeper(const std::string& id) const { return ParentOf(std::atoi(Kept(id, "c-main/command.0").c_str())); }

  // The second run has begun, and told of nothing left of the first.
  Task<void> ExpectStartedAnewAlone(std::string id) {
    EXPECT_TRUE(co_await Until([&] { return IsUp(id, 1); }));
    EXPECT_THAT(Kept(id, "c-main/log.1"), Not(HasSubstr("left ")));
    EXPECT_EQ(Daemons(id).size(), 4u);
    std::vector<std::string> ids = {id};
    auto seen = co_await provider_->Describe(std::move(ids));
    if (!seen || seen->empty()) co_return;
    EXPECT_EQ(seen->front().containers[0].restart_count, 1);
    const auto& last = seen->front().containers[0].last;
    EXPECT_EQ(last.value_or(Termination()).exit_code, 137);
  }
  void TearDown() override {
    for (const pid_t pid : strays_) ::kill(pid, SIGKILL);
    ProcessFixture::TearDown();
  }
  std::vector<pid_t> strays_;  // of a test that fails
};

FLOW_TEST(ProcessShimDeathTest, NothingIsLeftWhenTheShimIsKilled) {
  const std::string id = co_await Create("env", "env -i");
  EXPECT_TRUE(co_await Until([&] { return IsUp(id, 0); }));
  strays_ = Daemons(id);
  ::kill(Shim(id), SIGKILL);
  co_await ExpectStartedAnewAlone(id);
}

FLOW_TEST(ProcessShimDeathTest, NothingIsLeftWhenTheShimIsKilledWhileNoAgentIsThere) {
  const std::string id = co_await Create("env", "env -i");
  EXPECT_TRUE(co_await Until([&] { return IsUp(id, 0); }));
  strays_ = Daemons(id);
  provider_.reset();
  ::kill(Shim(id), SIGKILL);
  OpenProvider();
  co_await ExpectStartedAnewAlone(id);
}

FLOW_TEST(ProcessShimDeathTest, NothingIsLeftWhenTheKeeperIsKilled) {
  const std::string id = co_await Create("env", "env -i");
  EXPECT_TRUE(co_await Until([&] { return IsUp(id, 0); }));
  strays_ = Daemons(id);
  EXPECT_EQ(ParentOf(Keeper(id)), Shim(id));
  ::kill(Keeper(id), SIGKILL);
  co_await ExpectStartedAnewAlone(id);
}

// Stopped first, that neither hears of the other's end: as somebody does who kills all at once.
FLOW_TEST(ProcessShimDeathTest, NothingIsLeftWhenShimAndKeeperAreKilledAtOnce) {
  const std::string id = co_await Create("env", "env");
  EXPECT_TRUE(co_await Until([&] { return IsUp(id, 0); }));
  strays_ = Daemons(id);
  const pid_t shim = Shim(id), keeper = Keeper(id);
  ::kill(keeper, SIGSTOP);
  ::kill(shim, SIGKILL);
  ::kill(keeper, SIGKILL);
  co_await ExpectStartedAnewAlone(id);
}

FLOW_TEST(ProcessShimDeathTest, NothingIsLeftWhenShimAndKeeperAreKilledWhileNoAgentIsThere) {
  const std::string id = co_await Create("env", "env");
  EXPECT_TRUE(co_await Until([&] { return IsUp(id, 0); }));
  strays_ = Daemons(id);
  const pid_t shim = Shim(id), keeper = Keeper(id);
  provider_.reset();
  ::kill(keeper, SIGSTOP);
  ::kill(shim, SIGKILL);
  ::kill(keeper, SIGKILL);
  OpenProvider();
  co_await ExpectStartedAnewAlone(id);
}

}  // namespace
}  // namespace spillway::cloud
