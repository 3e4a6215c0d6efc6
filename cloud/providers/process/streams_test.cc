#include "cloud/providers/process/streams.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cloud/testing/process_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::HasSubstr;

class ProcessStreamsTest : public testing::ProcessFixture {
 protected:
  InstanceStreams& streams() { return *provider_->streams(); }

  // The id of an instance whose container "main" runs.
  Task<std::string> Running(std::string script, Json more) {
    Json container = {{"name", "main"}, {"image", "none"}, {"command", {"sh", "-c", script}}};
    container.update(more);
    container["env"] = Json::array({Json{{"name", "COLOUR"}, {"value", "blue"}}});
    CreateRequest request;
    request.identity = {"cluster", "vnode", "u", "default", "p"};
    request.client_token = std::to_string(next_token_++) + "0123456789abcdef0123456";
    request.pod["metadata"] = {{"name", "p"}, {"namespace", "default"}, {"uid", "u"}};
    request.pod["spec"] = {{"restartPolicy", "Never"}, {"containers", Json::array({std::move(container)})}};
    auto made = co_await provider_->Create(std::move(request));
    EXPECT_TRUE(made);
    if (!made) co_return "";
    const Instant deadline = runtime_.Now() + 30s;
    for (bool is_up = false; !is_up && runtime_.Now() < deadline;) {
      co_await runtime_.SleepFor(5ms);
      std::vector<std::string> ids(1, made->id);
      auto seen = co_await provider_->Describe(std::move(ids));
      is_up = seen && !seen->empty() && seen->front().containers[0].kind == ContainerState::Kind::kRunning;
    }
    co_return made->id;
  }
  Task<std::string> Idle() {
    std::string script = "sleep 1000";
    Json nothing = Json::object();
    co_return co_await Running(std::move(script), std::move(nothing));
  }
  Task<std::unique_ptr<ContainerSession>> Exec(std::string id, ExecRequest request) {
    request.container = "main";
    auto begun = co_await streams().Exec(std::move(id), std::move(request));
    EXPECT_TRUE(begun) << (begun ? "" : begun.error().message);
    co_return begun ? *std::move(begun) : nullptr;
  }
  static ExecRequest Shell(const std::string& script) {
    ExecRequest request;
    request.command = {"sh", "-c", script};
    return request;
  }
  static Task<std::string> All(ContainerSession& session, OutputStream stream) {
    std::string all;
    for (;;) {
      const std::string bytes = co_await session.ReadOutput(stream);
      if (bytes.empty()) co_return all;
      all += bytes;
    }
  }
  static Task<std::string> ReadUntil(ContainerSession& session, std::string text) {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const std::string bytes = co_await session.ReadOutput(OutputStream::kStdout);
      if (bytes.empty()) break;
      all += bytes;
    }
    co_return all;
  }
  static Task<int> Exit(ContainerSession& session) {
    auto exit = co_await session.Wait();
    EXPECT_TRUE(exit);
    co_return exit ? *exit : -1;
  }
};

#define STREAMS_TEST(case_name) FLOW_TEST(ProcessStreamsTest, case_name)

STREAMS_TEST(ExecHasTheContainersEnvironmentAndTellsItsExitCode) {
  std::string id = co_await Idle();
  ExecRequest request = Shell("echo $COLOUR; echo oops >&2; pwd; exit 7");
  const auto session = co_await Exec(id, std::move(request));
  if (!session) co_return;
  const std::string out = co_await All(*session, OutputStream::kStdout);
  const std::string err = co_await All(*session, OutputStream::kStderr);
  EXPECT_EQ(out, "blue\n" + directory_ + "/state/" + id + "/work\n");
  EXPECT_EQ(err, "oops\n");
  const int exit = co_await Exit(*session);
  EXPECT_EQ(exit, 7);
}

STREAMS_TEST(ExecReadsItsInputToTheEnd) {
  std::string id = co_await Idle();
  ExecRequest request = Shell("wc -c");
  request.has_input = true;
  const auto session = co_await Exec(id, std::move(request));
  if (!session) co_return;
  for (int i = 0; i < 50; ++i) {  // many times what a pipe holds
    std::string piece(64u << 10, 'x');
    const bool is_taken = co_await session->WriteInput(std::move(piece));
    EXPECT_TRUE(is_taken);
  }
  session->CloseInput();
  const std::string out = co_await All(*session, OutputStream::kStdout);
  EXPECT_EQ(std::atoi(out.c_str()), 50 * 65536);
  const int exit = co_await Exit(*session);
  EXPECT_EQ(exit, 0);
}

STREAMS_TEST(ExecInATerminalKnowsItsSize) {
  std::string id = co_await Idle();
  ExecRequest request = Shell("tty; read line; stty size; echo got $line");
  request.has_input = request.is_terminal = true;
  const auto session = co_await Exec(id, std::move(request));
  if (!session) co_return;
  session->Resize({123, 45});
  std::string line = "hello\n";
  (void)co_await session->WriteInput(std::move(line));
  const std::string out = co_await All(*session, OutputStream::kStdout);
  EXPECT_THAT(out, HasSubstr("/dev/pts/"));
  EXPECT_THAT(out, HasSubstr("45 123\r\n"));
  EXPECT_THAT(out, HasSubstr("got hello\r\n"));
  const int exit = co_await Exit(*session);
  EXPECT_EQ(exit, 0);
}

STREAMS_TEST(ExecOfWhatIsNotThereEndsAsInAShell) {
  std::string id = co_await Idle();
  ExecRequest unknown;
  unknown.command = {"no-such-program"};
  const auto session = co_await Exec(id, std::move(unknown));
  if (!session) co_return;
  const std::string err = co_await All(*session, OutputStream::kStderr);
  EXPECT_THAT(err, HasSubstr("not found in $PATH"));
  const int exit = co_await Exit(*session);
  EXPECT_EQ(exit, 127);

  ExecRequest no_program;
  no_program.command = {"/etc/passwd"};
  const auto refused = co_await Exec(id, std::move(no_program));
  if (!refused) co_return;
  const int refused_exit = co_await Exit(*refused);
  EXPECT_EQ(refused_exit, 126);
}

STREAMS_TEST(ExecEndsWithItsSessionAndWithASignalsCode) {
  std::string id = co_await Idle();
  ExecRequest request = Shell("echo $$; exec sleep 1000");
  auto session = co_await Exec(id, std::move(request));
  if (!session) co_return;
  std::string newline = "\n";
  const std::string out = co_await ReadUntil(*session, std::move(newline));
  const pid_t pid = std::atoi(out.c_str());
  EXPECT_EQ(::kill(pid, 0), 0);
  session.reset();  // the client has gone
  const Instant deadline = runtime_.Now() + 20s;
  while (::kill(pid, 0) == 0 && runtime_.Now() < deadline) co_await runtime_.SleepFor(5ms);
  EXPECT_NE(::kill(pid, 0), 0) << "dead, and no zombie";

  ExecRequest suicide = Shell("kill -TERM $$");
  const auto killed = co_await Exec(id, std::move(suicide));
  if (!killed) co_return;
  const int exit = co_await Exit(*killed);
  EXPECT_EQ(exit, 128 + SIGTERM);
}

STREAMS_TEST(ExecDoesNotWaitForWhatItLeftInTheBackgroundAndEndsIt) {
  std::string id = co_await Idle();
  ExecRequest request = Shell("sleep 1000 & echo $!");
  const auto session = co_await Exec(id, std::move(request));
  if (!session) co_return;
  const std::string out = co_await All(*session, OutputStream::kStdout);
  const int exit = co_await Exit(*session);
  EXPECT_EQ(exit, 0);
  const pid_t left = std::atoi(out.c_str());
  EXPECT_GT(left, 1);
  const Instant deadline = runtime_.Now() + 30s;
  while (::kill(left, 0) == 0 && runtime_.Now() < deadline) co_await runtime_.SleepFor(5ms);
  EXPECT_NE(::kill(left, 0), 0) << "it would have outlived the Pod";
}

STREAMS_TEST(ExecEndsWhatHasLeftItsSession) {
  std::string id = co_await Idle();
  ExecRequest request = Shell("setsid sleep 1000 >/dev/null 2>&1 & echo $!; sleep 0.1");
  const auto session = co_await Exec(id, std::move(request));
  if (!session) co_return;
  const std::string out = co_await All(*session, OutputStream::kStdout);
  const int exit = co_await Exit(*session);
  EXPECT_EQ(exit, 0);
  const pid_t left = std::atoi(out.c_str());
  EXPECT_GT(left, 1);
  EXPECT_NE(::kill(left, 0), 0) << "it would have outlived the Pod";
  ::kill(left, SIGKILL);
}

// As in a container: its processes are all that runs there.
STREAMS_TEST(ExecEndsWithItsContainer) {
  std::string id = co_await Idle();
  ExecRequest request = Shell("trap '' TERM; echo $$; while :; do sleep 1; done");
  auto session = co_await Exec(id, std::move(request));
  if (!session) co_return;
  const std::string out = co_await session->ReadOutput(OutputStream::kStdout);
  const pid_t command = std::atoi(out.c_str());
  EXPECT_GT(command, 1);
  (void)co_await provider_->Delete(id, 0s);
  const int exit = co_await Exit(*session);
  EXPECT_EQ(exit, 128 + SIGKILL);
  const Instant deadline = runtime_.Now() + 30s;
  while (::kill(command, 0) == 0 && runtime_.Now() < deadline) co_await runtime_.SleepFor(5ms);
  EXPECT_NE(::kill(command, 0), 0);
}

STREAMS_TEST(ExecNeedsARunningContainer) {
  std::string script = "exit 0";
  Json nothing = Json::object();
  ExecRequest request = Shell("true");
  request.container = "main";
  std::string unknown = "proc-none";
  auto no_instance = co_await streams().Exec(std::move(unknown), request);
  EXPECT_FALSE(no_instance);
  EXPECT_EQ(no_instance.error().code, Code::kNotFound);
  const std::string id = co_await Idle();
  ExecRequest elsewhere = request;
  elsewhere.container = "side";
  auto no_container = co_await streams().Exec(id, std::move(elsewhere));
  EXPECT_FALSE(no_container);
  EXPECT_EQ(no_container.error().code, Code::kNotFound);
}

STREAMS_TEST(ExecEndsWithItsInstance) {
  const std::string id = co_await Idle();
  ExecRequest request = Shell("echo up; exec sleep 1000");
  const auto session = co_await Exec(id, std::move(request));
  if (!session) co_return;
  std::string newline = "\n";
  (void)co_await ReadUntil(*session, std::move(newline));
  (void)co_await provider_->Delete(id, 0s);
  const int exit = co_await Exit(*session);
  EXPECT_EQ(exit, 128 + SIGKILL);
}

STREAMS_TEST(AttachHearsWhatComesAndSpeaksToTheStandardInput) {
  std::string script = "echo before; while read line; do echo heard $line; done; echo over";
  Json interactive = {{"stdin", true}, {"stdinOnce", true}};
  const std::string id = co_await Running(std::move(script), std::move(interactive));
  co_await runtime_.SleepFor(100ms);
  AttachRequest request{"main", true};
  auto begun = co_await streams().Attach(id, std::move(request));
  EXPECT_TRUE(begun);
  if (!begun) co_return;
  ContainerSession& session = **begun;
  std::string line = "you\n", heard = "heard you\n";
  const bool is_taken = co_await session.WriteInput(std::move(line));
  EXPECT_TRUE(is_taken);
  const std::string out = co_await ReadUntil(session, std::move(heard));
  EXPECT_THAT(out, HasSubstr("heard you\n"));
  session.CloseInput();
  const std::string rest = co_await All(session, OutputStream::kStdout);
  EXPECT_THAT(rest, HasSubstr("over\n")) << "its input has ended";
  const int exit = co_await Exit(session);
  EXPECT_EQ(exit, 0);
}

// A socket of any free port of 127.0.0.1, and that port.
std::pair<int, std::uint16_t> BoundSocket() {
  const int bound = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(bound, reinterpret_cast<sockaddr*>(&address), sizeof address);
  socklen_t size = sizeof address;
  ::getsockname(bound, reinterpret_cast<sockaddr*>(&address), &size);
  return {bound, ntohs(address.sin_port)};
}

STREAMS_TEST(PortsAreForwardedAndHalfClosed) {
  const auto [listener, port] = BoundSocket();
  ::listen(listener, 4);
  const std::string id = co_await Idle();
  auto reached = co_await streams().PortForward(id, port);
  EXPECT_TRUE(reached);
  if (!reached) co_return;
  std::string question = "question";
  const bool is_taken = co_await (*reached)->Write(std::move(question));
  EXPECT_TRUE(is_taken);
  (*reached)->CloseWrite();
  const int peer = ::accept(listener, nullptr, nullptr);
  char heard[64] = {};
  ssize_t count = 0, more = 0;
  while ((more = ::recv(peer, heard + count, sizeof heard - static_cast<std::size_t>(count), 0)) > 0) count += more;
  EXPECT_EQ(std::string(heard, static_cast<std::size_t>(count)), "question") << "and then its end";
  EXPECT_EQ(::send(peer, "answer", 6, 0), 6);
  ::close(peer);
  ::close(listener);
  const std::string answer = co_await (*reached)->Read();
  EXPECT_EQ(answer, "answer");
  const std::string end = co_await (*reached)->Read();
  EXPECT_EQ(end, "");
  const auto [mute, closed_port] = BoundSocket();  // so that nobody else listens there
  auto nobody = co_await streams().PortForward(id, closed_port);
  ::close(mute);
  EXPECT_FALSE(nobody);
  if (nobody) co_return;
  EXPECT_THAT(nobody.error().message, HasSubstr("dial tcp 127.0.0.1:"));
}

STREAMS_TEST(StatsAreTheKernels) {
  std::string script = "while :; do :; done";
  Json nothing = Json::object();
  const std::string busy = co_await Running(std::move(script), std::move(nothing));
  const std::string idle = co_await Idle();
  const Instant deadline = runtime_.Now() + 60s;
  std::vector<InstanceStats> seen;
  do {
    co_await runtime_.SleepFor(50ms);
    std::vector<std::string> ids = {busy, idle, "proc-none"};
    auto stats = co_await streams().Stats(std::move(ids));
    EXPECT_TRUE(stats);
    seen = *std::move(stats);
  } while (seen[0].containers[0].cpu_nanoseconds < 300'000'000 && runtime_.Now() < deadline);
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_GE(seen[0].containers[0].cpu_nanoseconds, 300'000'000u);
  EXPECT_LT(seen[1].containers[0].cpu_nanoseconds, 300'000'000u);
  EXPECT_GT(seen[1].containers[0].working_set_bytes, 50'000u);
  EXPECT_EQ(seen[1].containers[0].name, "main");
}

}  // namespace
}  // namespace spillway::cloud
