#include "cloud/providers/process/provider.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "cloud/agent/agent.h"
#include "cloud/testing/fake_cluster.h"
#include "cloud/testing/process_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ProcessProviderTest : public testing::ProcessFixture {
 protected:
  // None: it is not there.
  Task<std::optional<Instance>> Describe(std::string id) {
    std::vector<std::string> ids = {std::move(id)};
    auto seen = co_await provider_->Describe(std::move(ids));
    EXPECT_TRUE(seen);
    if (!seen || seen->empty()) co_return std::nullopt;
    co_return seen->front();
  }
  Task<bool> Until(std::function<bool()> done) {
    const Instant deadline = runtime_.Now() + 30s;
    while (!done() && runtime_.Now() < deadline) co_await runtime_.SleepFor(5ms);
    co_return done();
  }

  static Json Container(const std::string& name, std::vector<std::string> command) {
    return {{"name", name}, {"image", "none"}, {"command", std::move(command)}};
  }
  static Json Pod(Json containers, const std::string& restart_policy = "Never") {
    Json pod;
    pod["metadata"] = {{"name", "p"}, {"namespace", "default"}, {"uid", "u"}};
    pod["spec"] = {{"restartPolicy", restart_policy}, {"containers", std::move(containers)}};
    return pod;
  }
  static Json Single(Json container, const std::string& restart_policy = "Never") {
    return Pod(Json::array({std::move(container)}), restart_policy);
  }
  static Json Shell(const std::string& script, const std::string& restart_policy = "Never") {
    return Pod(Json::array({Container("main", {"sh", "-c", script})}), restart_policy);
  }

  Task<std::string> Create(Json pod) { return CreateAs(RequestFor(std::move(pod))); }
  CreateRequest RequestFor(Json pod) {
    CreateRequest request;
    request.identity = {"cluster", "vnode", "u", "default", "p"};
    request.client_token = std::to_string(next_token_++) + "0123456789abcdef012345";  // ids have its first 20
    request.pod = std::move(pod);
    return request;
  }
  Task<std::string> CreateAs(CreateRequest request) {
    auto made = co_await provider_->Create(std::move(request));
    EXPECT_TRUE(made) << (made ? "" : made.error().error.message);
    co_return made ? made->id : "";
  }
  Task<Instance> Settled(std::string id) {
    const Instant deadline = runtime_.Now() + 240s;  // pi takes three seconds of CPU; machines can be busy
    for (;;) {
      auto seen = co_await Describe(id);
      EXPECT_TRUE(seen);
      const bool is_over = !seen || seen->state == InstanceState::kSucceeded || seen->state == InstanceState::kFailed;
      if (is_over || runtime_.Now() > deadline) co_return seen ? *seen : Instance{};
      co_await runtime_.SleepFor(5ms);
    }
  }
  Task<Instance> When(std::string id, std::function<bool(const Instance&)> done) {
    const Instant deadline = runtime_.Now() + 60s;
    for (;;) {
      auto seen = co_await Describe(id);
      if (!seen || done(*seen) || runtime_.Now() > deadline) co_return seen.value_or(Instance{});
      co_await runtime_.SleepFor(5ms);
    }
  }
  Task<std::string> LogsOf(std::string id) {
    LogOptions everything;  // a default argument {} would be a braced temporary of the caller's co_await
    return LogsWith(std::move(id), everything);
  }
  Task<std::string> LogsWith(std::string id, LogOptions options) {
    options.container = "main";
    std::string no_cursor;
    auto part = co_await provider_->streams()->ReadLog(std::move(id), std::move(options), std::move(no_cursor));
    co_return part ? part->text : "error: " + part.error().message;
  }
  Task<bool> LogHas(std::string id, std::string text) {
    const Instant deadline = runtime_.Now() + 30s;
    for (;;) {
      const std::string logs = co_await LogsOf(id);
      if (logs.find(text) != std::string::npos) co_return true;
      if (runtime_.Now() > deadline) co_return false;
      co_await runtime_.SleepFor(5ms);
    }
  }
  Task<bool> Gone(std::string id) {
    const Instant deadline = runtime_.Now() + 30s;
    for (;;) {
      auto seen = co_await Describe(id);
      if (!seen) co_return true;
      if (runtime_.Now() > deadline) co_return false;
      co_await runtime_.SleepFor(5ms);
    }
  }
};

#define PROCESS_TEST(name) FLOW_TEST(ProcessProviderTest, name)

PROCESS_TEST(ProcessComputesPi) {
  const std::vector<std::string> command = {"perl", "-Mbignum=bpi", "-wle", "print bpi(2000)"};
  Json pod = Single(Container("main", command));
  const std::string id = co_await Create(std::move(pod));
  const Instance done = co_await Settled(id);
  EXPECT_EQ(done.state, InstanceState::kSucceeded);
  if (!done.containers[0].ended) co_return;
  EXPECT_EQ(done.containers[0].ended->reason, "Completed");
  const std::string logs = co_await LogsOf(id);
  EXPECT_THAT(logs, StartsWith("3.14159265358979323846"));
  EXPECT_GT(logs.size(), 2000u);
}

PROCESS_TEST(ProcessInheritsNothing) {
  ::setenv("SPILLWAY_TEST_SECRET", "hunter2", 1);
  const int leaked = ::open("/dev/null", O_RDONLY);  // without FD_CLOEXEC
  Json pod = Shell("env; echo fds $(ls /proc/self/fd | wc -l); echo sid $(cut -d' ' -f6 /proc/self/stat); pwd");
  pod["spec"]["containers"][0]["env"] =
      Json::array({Json{{"name", "MINE"}, {"value", "yes"}}, Json{{"name", "IP"}, {"value", kPodIpPlaceholder}}});
  const std::string id = co_await Create(std::move(pod));
  (void)co_await Settled(id);
  const std::string logs = co_await LogsOf(id);
  EXPECT_THAT(logs, Not(HasSubstr("hunter2")));
  EXPECT_THAT(logs, HasSubstr("MINE=yes\n"));
  EXPECT_THAT(logs, HasSubstr("IP=10.1.2.3\n"));
  EXPECT_THAT(logs, HasSubstr("fds 4\n")) << "0, 1, 2 and the one ls reads with";
  EXPECT_THAT(logs, HasSubstr("PATH="));
  EXPECT_THAT(logs, Not(HasSubstr("sid " + std::to_string(::getsid(0)) + "\n")));
  EXPECT_THAT(logs, HasSubstr(directory_ + "/state/" + id + "/work\n"));
  ::close(leaked);
  ::unsetenv("SPILLWAY_TEST_SECRET");
}

PROCESS_TEST(ProcessIsKilledWithItsGroupAfterTheGrace) {
  const std::string id =
      co_await Create(Shell("trap '' TERM; sleep 1000 & echo child $! up; while :; do sleep 0.05; done"));
  const bool is_up = co_await LogHas(id, " up");
  EXPECT_TRUE(is_up);
  const std::string logs = co_await LogsOf(id);
  const pid_t child = std::atoi(logs.c_str() + 6);
  EXPECT_GT(child, 1);
  const Instant asked = runtime_.Now();
  (void)co_await provider_->Delete(id, 300ms);
  const bool is_gone = co_await Gone(id);
  EXPECT_TRUE(is_gone);
  EXPECT_GE(runtime_.Now() - asked, 300ms);
  const bool is_dead = co_await Until([child] { return ::kill(child, 0) != 0; });
  EXPECT_TRUE(is_dead) << "its children go with it";
}

// A daemon, as it leaves its session, its group and its parent.
PROCESS_TEST(ProcessLeavesNothingBehindThatHasLeftItsSession) {
  for (const char* end : {"exit 0", "sleep 1000"}) {
    Json pod = Shell(std::string("(setsid sh -c 'setsid sleep 1000 & echo $! > $HOME/daemon; sleep 1000' &); "
                                 "while ! test -s $HOME/daemon; do sleep 0.01; done; cat $HOME/daemon; ") +
                     end);
    const std::string id = co_await Create(std::move(pod));
    std::string log;
    const Instant deadline = runtime_.Now() + 30s;
    while (log.find('\n') == std::string::npos && runtime_.Now() < deadline) {
      co_await runtime_.SleepFor(5ms);
      log = co_await LogsOf(id);
    }
    const pid_t daemon = std::atoi(log.c_str());
    EXPECT_GT(daemon, 1) << log;
    (void)co_await provider_->Delete(id, 1s);
    EXPECT_TRUE(co_await Gone(id));
    if (daemon > 1) {
      EXPECT_NE(::kill(daemon, 0), 0) << "after " << end;
      ::kill(daemon, SIGKILL);
    }
  }
}

PROCESS_TEST(ProcessHearsSigtermFirst) {
  const std::string id = co_await Create(Shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"));
  const bool is_up = co_await LogHas(id, "up");
  EXPECT_TRUE(is_up);
  const Instant asked = runtime_.Now();
  (void)co_await provider_->Delete(id, 20s);
  const bool is_gone = co_await Gone(id);
  EXPECT_TRUE(is_gone);
  EXPECT_LT(runtime_.Now() - asked, 15s);
}

PROCESS_TEST(ProcessFailureIsReportedWithItsCode) {
  const std::string id = co_await Create(Shell("echo oops >&2; exit 3"));
  const Instance done = co_await Settled(id);
  EXPECT_EQ(done.state, InstanceState::kFailed);
  EXPECT_EQ(done.containers[0].ended->exit_code, 3);
  EXPECT_EQ(done.containers[0].ended->reason, "Error");
  const std::string logs = co_await LogsOf(id);
  EXPECT_EQ(logs, "oops\n");
}

PROCESS_TEST(ProcessRestartsOnceAtOnceThenBacksOff) {
  const std::string id = co_await Create(Shell("echo run; exit 1", "OnFailure"));
  const Instant deadline = runtime_.Now() + 30s;
  Instance seen;
  do {
    co_await runtime_.SleepFor(5ms);
    auto described = co_await Describe(id);
    seen = *described;
  } while (runtime_.Now() < deadline &&
           (seen.containers[0].restart_count < 1 || seen.containers[0].reason != "CrashLoopBackOff"));
  EXPECT_EQ(seen.containers[0].restart_count, 1);
  EXPECT_EQ(seen.containers[0].last->exit_code, 1);
  EXPECT_EQ(seen.state, InstanceState::kRunning);
  EXPECT_EQ(seen.containers[0].last->container_id, "process://" + id + "/main/1");
  LogOptions previous;
  previous.previous = true;
  const std::string logs = co_await LogsWith(id, previous);
  EXPECT_EQ(logs, "run\n");
}

PROCESS_TEST(ProcessInitContainersRunInOrderFirst) {
  Json pod = Shell("cat $HOME/trace");
  pod["spec"]["initContainers"] = Json::array({Container("one", {"sh", "-c", "sleep 0.1; echo one >> $HOME/trace"}),
                                               Container("two", {"sh", "-c", "echo two >> $HOME/trace"})});
  const std::string id = co_await Create(std::move(pod));
  const Instance done = co_await Settled(id);
  EXPECT_EQ(done.state, InstanceState::kSucceeded);
  const std::string logs = co_await LogsOf(id);
  EXPECT_EQ(logs, "one\ntwo\n");
}

PROCESS_TEST(ProcessWithoutCommandSaysWhy) {
  Json pod = Single(Json{{"name", "main"}, {"image", "nginx"}});
  const std::string id = co_await Create(std::move(pod));
  auto seen = co_await Describe(id);
  EXPECT_EQ(seen->state, InstanceState::kPending);
  EXPECT_EQ(seen->containers[0].reason, "ImageWithoutCommand");
  EXPECT_THAT(seen->containers[0].message, HasSubstr("cannot run images; set command"));
}

// In runc's words, and with the code that containerd gives what it could not start.
PROCESS_TEST(ProcessWhatCannotBeStartedIsAStartError) {
  const std::string script = directory_ + "/script", no_interpreter = directory_ + "/no-interpreter";
  (void)WriteFileAtomically(script, "#!/bin/sh\n");
  (void)WriteFileAtomically(no_interpreter, "#!/no/such/interpreter\n");
  ::chmod(no_interpreter.c_str(), 0755);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"no-such-program", "exec: \"no-such-program\": executable file not found in $PATH"},
      {"/no/such", "exec: \"/no/such\": stat /no/such: no such file or directory"},
      {"/tmp", "exec: \"/tmp\": is a directory"},
      {script, "exec: \"" + script + "\": permission denied"},
      {no_interpreter, "exec " + no_interpreter + ": no such file or directory"}};
  for (const auto& [program, message] : cases) {
    const std::vector<std::string> command(1, program);
    const std::string id = co_await Create(Single(Container("main", command)));
    const Instance done = co_await Settled(id);
    EXPECT_EQ(done.state, InstanceState::kFailed) << program;
    const Termination ended = done.containers.at(0).ended.value_or(Termination());
    EXPECT_EQ(ended.reason, "StartError") << program;
    EXPECT_EQ(ended.exit_code, 128) << program;
    EXPECT_EQ(ended.message, message);
    EXPECT_THAT(done.containers[0].container_id, EndsWith("/main/0"));
    const std::string log = co_await LogsOf(id);
    EXPECT_EQ(log, "");
  }
}

PROCESS_TEST(ProcessWhatCannotBeStartedIsTriedAgainAndCounted) {
  for (const char* program : {"no-such-program", "/no/such"}) {
    const std::vector<std::string> command(1, program);
    const std::string id = co_await Create(Single(Container("main", command), "Always"));
    const auto tried_twice = [](const Instance& seen) {
      return seen.containers[0].restart_count == 1 && seen.containers[0].reason == "RunContainerError";
    };
    const Instance seen = co_await When(id, tried_twice);
    EXPECT_EQ(seen.containers[0].restart_count, 1) << program;
    OpenProvider();  // the agent was killed, and started again
    const Instance again = co_await When(id, [&](const Instance& now) { return now.containers[0].last.has_value(); });
    EXPECT_EQ(again.containers[0].reason, "RunContainerError");
    EXPECT_THAT(again.containers[0].message, StartsWith("exec: \"" + std::string(program) + "\": "));
    EXPECT_GE(again.containers[0].restart_count, 1);
    EXPECT_EQ(again.containers[0].last.value_or(Termination()).reason, "StartError");
  }
}

PROCESS_TEST(ProcessKnowsWhatThePodIsCalled) {
  for (const bool is_fqdn : {false, true}) {
    CreateRequest request = RequestFor(Shell("echo $HOSTNAME"));
    request.network.hostname = "db-0";
    request.network.domain = "sub.shop.svc.cluster.local";
    request.network.is_fqdn_hostname = is_fqdn;
    const std::string id = co_await CreateAs(std::move(request));
    (void)co_await Settled(id);
    EXPECT_EQ(co_await LogsOf(id), is_fqdn ? "db-0.sub.shop.svc.cluster.local\n" : "db-0\n");
  }
}

PROCESS_TEST(ProcessAVariableTooLongForTheKernelIsAStartError) {
  Json pod = Single(Container("main", {"true"}));
  pod["spec"]["containers"][0]["env"] = Json::array({{{"name", "ALL"}, {"value", std::string(1'000'000, 'x')}}});
  const std::string id = co_await Create(std::move(pod));
  const Instance done = co_await Settled(id);
  EXPECT_EQ(done.state, InstanceState::kFailed);
  EXPECT_EQ(done.containers[0].ended->reason, "StartError");
  EXPECT_THAT(done.containers[0].ended->message,
              HasSubstr("environment variable ALL has 1000004 bytes, and the kernel"));
}

PROCESS_TEST(ProcessIsFoundAgainByTheNextAgent) {
  const std::string id = co_await Create(Shell("echo begun; sleep 1; echo ended; exit 4"));
  const bool is_up = co_await LogHas(id, "begun");
  EXPECT_TRUE(is_up);
  OpenProvider();  // the agent was killed, and started again
  auto adopted = co_await Describe(id);
  EXPECT_TRUE(adopted);
  if (adopted) {
    EXPECT_EQ(adopted->state, InstanceState::kRunning);
  }
  const Instance done = co_await Settled(id);
  EXPECT_EQ(done.containers[0].ended->exit_code, 4);
  EXPECT_EQ(done.containers[0].restart_count, 0);
  const std::string logs = co_await LogsOf(id);
  EXPECT_EQ(logs, "begun\nended\n") << "run once";
}

PROCESS_TEST(ProcessStateIsForOneAgentAtATime) {
  ProcessProviderOptions options;
  options.state_dir = directory_ + "/state";
  auto second = ProcessProvider::Open(runtime_, options);
  EXPECT_FALSE(second);
  if (!second) {
    EXPECT_EQ(second.error().code, Code::kConflict);
  }
  co_return;
}

PROCESS_TEST(ProcessLogsAreBoundedAndCut) {
  OpenProvider(/*log_limit=*/10000);
  const std::string id = co_await Create(Shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done"));
  (void)co_await Settled(id);
  const std::string logs = co_await LogsOf(id);
  EXPECT_LT(logs.size(), 30000u);
  EXPECT_THAT(logs, HasSubstr("line 2999\n"));
  LogOptions tail;
  tail.tail_lines = 2;
  const std::string last = co_await LogsWith(id, tail);
  EXPECT_EQ(last, "line 2998\nline 2999\n");
  tail.timestamps = true;
  const std::string stamped = co_await LogsWith(id, tail);
  EXPECT_THAT(stamped, ::testing::MatchesRegex("20.*Z line 2998\n20.*Z line 2999\n"));
}

PROCESS_TEST(ProcessLogsAreFollowedThroughRotations) {
  OpenProvider(/*log_limit=*/10000);
  const std::string id =
      co_await Create(Shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); [ $((i%100)) = 0 ] && sleep 0.02;"
                            " done; printf 'no line feed'"));
  std::string wanted, got;
  for (int i = 0; i < 3000; ++i) wanted += "line " + std::to_string(i) + "\n";
  const Instant deadline = runtime_.Now() + 60s;
  LogPart part;
  bool has_gap = false;
  while (!part.is_end && runtime_.Now() < deadline) {
    LogOptions options;
    options.container = "main";
    std::string cursor = part.cursor;
    auto next = co_await provider_->streams()->ReadLog(id, std::move(options), std::move(cursor));
    EXPECT_TRUE(next) << (next ? "" : next.error().message);
    if (!next) co_return;
    part = *std::move(next);
    got += part.text;
    has_gap = has_gap || part.has_gap;
    co_await runtime_.SleepFor(1ms);
  }
  EXPECT_TRUE(part.is_end);
  EXPECT_FALSE(has_gap);
  EXPECT_TRUE(got == wanted + "no line feed") << got.size() << " bytes instead of " << wanted.size() + 12;
}

PROCESS_TEST(ProcessLogsSayWhereTheyWereReadTooLate) {
  OpenProvider(/*log_limit=*/10000);
  const std::string id =
      co_await Create(Shell("echo first; sleep 0.2; i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done"));
  const bool is_up = co_await LogHas(id, "first\n");
  EXPECT_TRUE(is_up);
  LogOptions options;
  options.container = "main";
  std::string cursor = "0:0";
  (void)co_await Settled(id);
  auto late = co_await provider_->streams()->ReadLog(id, options, std::move(cursor));
  EXPECT_TRUE(late);
  if (!late) co_return;
  EXPECT_TRUE(late->has_gap);
  EXPECT_TRUE(late->is_end);
  EXPECT_THAT(late->text, ::testing::MatchesRegex("line (.|\n)*line 4999\n"));
}

PROCESS_TEST(ProcessFollowsTheRunItBeganWith) {
  const std::string id = co_await Create(Shell("echo begun at $(date +%s%N); sleep 0.3; exit 1", "OnFailure"));
  const bool is_up = co_await LogHas(id, "begun");
  EXPECT_TRUE(is_up);
  LogOptions options;
  options.container = "main";
  std::string cursor;
  auto first = co_await provider_->streams()->ReadLog(id, options, cursor);
  const std::string log = directory_ + "/state/" + id + "/c-main/log.1";
  const std::function<bool()> is_there = [&log] { return ::access(log.c_str(), R_OK) == 0; };
  const bool is_again = co_await Until(is_there);
  EXPECT_TRUE(is_again);
  cursor = first->cursor;
  auto after = co_await provider_->streams()->ReadLog(id, options, cursor);
  EXPECT_TRUE(after);
  EXPECT_TRUE(after->is_end) << "the next run's log is another";
  EXPECT_EQ(after->text, "");
}

PROCESS_TEST(ProcessSameTokenSameInstance) {
  const std::string first = co_await Create(Shell("sleep 5"));
  --next_token_;
  const std::string again = co_await Create(Shell("sleep 5"));
  EXPECT_EQ(first, again);
  (void)co_await provider_->Delete(first, 0s);
  const bool is_gone = co_await Gone(first);
  EXPECT_TRUE(is_gone);
}

// Brief 002, from the API server's Pod to its end.
PROCESS_TEST(ProcessRunsAPodOfTheApiServer) {
  testing::FakeCluster cluster(runtime_);
  AgentOptions options;
  options.node_name = "vnode";
  options.cluster_id = "cluster";
  options.internal_ip = "10.1.2.3";
  Agent agent(runtime_, cluster.transport(), *provider_, options);
  agent.Start();
  Json pod = testing::SimplePod("pi");
  pod["spec"]["restartPolicy"] = "Never";
  pod["spec"]["containers"][0]["command"] = {"sh", "-c"};
  pod["spec"]["containers"][0]["args"] = {"echo hello $(GREETED) from $(IP)"};
  const Json field = {{"fieldPath", "status.podIP"}};
  pod["spec"]["containers"][0]["env"] = Json::array(
      {Json{{"name", "GREETED"}, {"value", "world"}}, Json{{"name", "IP"}, {"valueFrom", {{"fieldRef", field}}}}});
  cluster.AddPod(std::move(pod));
  const bool is_done = co_await Until([&cluster] { return cluster.Phase("pi") == "Succeeded"; });
  EXPECT_TRUE(is_done) << cluster.Pod("pi").dump(1);
  const auto instance = agent.FindInstance("default", "pi", "main");
  EXPECT_TRUE(instance);
  std::string id = instance ? instance->instance_id : "";
  const std::string text = co_await LogsOf(std::move(id));
  EXPECT_EQ(text, "hello world from 10.1.2.3\n");
  cluster.DeletePod("pi");
  const bool is_gone = co_await Until([&cluster] { return cluster.Pod("pi").is_null(); });
  EXPECT_TRUE(is_gone);
  EXPECT_TRUE(ListDirectory(directory_ + "/state") == std::vector<std::string>{"agent.lock"});
}

}  // namespace
}  // namespace spillway::cloud
