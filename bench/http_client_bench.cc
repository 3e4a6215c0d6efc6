// What calls and watches cost over HTTPS: a server in a child process, so that figures are the client's alone.
//   build/bench/bench_http_client [calls] [watches] [events]
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/real_runtime.h"
#include "base/scope.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/testing/test_pki.h"

namespace spillway::net {
namespace {

constexpr int kInFlight = 32;
constexpr std::size_t kEventSize = 2048;

Task<void> Stream(Runtime& runtime, int events, std::shared_ptr<ResponseStream> out) {
  const std::string event = std::string(kEventSize - 1, 'x') + '\n';
  for (int i = 0; i < events && out->is_open(); ++i) {
    out->Write(event);
    while (out->pending() > (1u << 20)) co_await runtime.SleepFor(0ns);
  }
  while (events == 0 && out->is_open()) co_await runtime.SleepFor(1h);
}

Task<ServerResponse> Answer(Runtime& runtime, ServerRequest request) {
  ServerResponse response;
  response.body = std::string(500, 'x');
  if (request.path == "/stream") {
    response.stream = [&runtime, events = std::atoi(request.query.c_str())](std::shared_ptr<ResponseStream> out) {
      return Stream(runtime, events, std::move(out));
    };
  }
  co_return response;
}

// Tells its port and its CA, and serves until it is killed.
[[noreturn]] void Serve(int pipe) {
  RealRuntime runtime;
  const testing::TestPki pki(runtime);
  HttpServerOptions options;
  options.tls = pki.ServerTls(pki.Server(), false);
  auto server =
      NewHttpServer(runtime, options, [&](ServerRequest request) { return Answer(runtime, std::move(request)); });
  const std::string told = fmt::format("{}\n{}", (*server)->port(), pki.ca_pem());
  if (write(pipe, told.data(), told.size()) < 0) std::_Exit(1);
  close(pipe);
  runtime.Run([](int) {});
  std::_Exit(0);
}

double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::string OwnStatus(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return line.substr(line.find_first_not_of(" \t", name.size() + 1));
  }
  return "?";
}

struct Work {
  int left = 0;
  int good = 0;
};

Task<void> Call(HttpClient& client, Work& work) {
  while (work.left > 0) {
    --work.left;
    HttpRequest request;
    request.method = "POST";
    request.path = "/bind";
    request.body = std::string(300, 'b');
    const auto response = co_await client.Send(std::move(request));
    work.good += response && response->status == 200 ? 1 : 0;
  }
}

Task<void> Watch(HttpClient& client, int events, int& open, std::atomic<std::size_t>& bytes) {
  HttpRequest request;
  request.path = fmt::format("/stream?{}", events);
  request.timeout = 1h;
  request.on_data = [&bytes](std::string_view more) { bytes += more.size(); };
  ++open;
  co_await client.Send(std::move(request));
  --open;
}

int Measure(RealRuntime& runtime, HttpClient& client, int calls, int watches, int events) {
  TaskScope scope(runtime);
  int open = 0;
  std::atomic<std::size_t> ignored = 0;
  for (int i = 0; i < watches; ++i) scope.Spawn(Watch(client, 0, open, ignored));
  Work work{calls};
  Instant start = runtime.Now();
  double cpu = CpuSeconds();
  for (int i = 0; i < kInFlight; ++i) scope.Spawn(Call(client, work));
  if (!runtime.RunUntil([&] { return scope.size() == static_cast<std::size_t>(watches); }, 300s)) return 1;
  double seconds = std::chrono::duration<double>(runtime.Now() - start).count();
  fmt::print("calls    {} of {} good, {:.0f} a second, {:.0f} us of CPU each\n", work.good, calls, calls / seconds,
             (CpuSeconds() - cpu) * 1e6 / calls);
  fmt::print("process  {} threads, {} resident, with {} watches open\n", OwnStatus("Threads"), OwnStatus("VmRSS"),
             open);

  std::atomic<std::size_t> bytes = 0;
  start = runtime.Now();
  cpu = CpuSeconds();
  scope.Spawn(Watch(client, events, open, bytes));
  if (!runtime.RunUntil([&] { return bytes >= kEventSize * static_cast<std::size_t>(events); }, 300s)) return 1;
  seconds = std::chrono::duration<double>(runtime.Now() - start).count();
  const double megabytes = static_cast<double>(bytes) / 1e6;
  fmt::print("stream   {:.0f} events of 2 KB a second, {:.0f} MB/s, {:.2f} s of CPU for 100 MB\n", events / seconds,
             megabytes / seconds, (CpuSeconds() - cpu) * 100 / megabytes);
  return 0;
}

int Main(int calls, int watches, int events) {
  int ends[2];
  if (pipe(ends) != 0) return 1;
  const pid_t server = fork();
  if (server == 0) Serve(ends[1]);
  close(ends[1]);
  std::string told;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) told.append(buffer, static_cast<size_t>(n));
  int result = 1;
  {
    RealRuntime runtime;
    HttpClientOptions options;
    options.base_url = fmt::format("https://127.0.0.1:{}", told.substr(0, told.find('\n')));
    options.tls = [ca = told.substr(told.find('\n') + 1)]() -> Result<TlsMaterial> { return TlsMaterial{ca, "", ""}; };
    const auto client = NewHttpClient(runtime, options);
    if (client) result = Measure(runtime, **client, calls, watches, events);
  }
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  return result;
}

}  // namespace
}  // namespace spillway::net

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; };
  return spillway::net::Main(number(1, 20'000), number(2, 15), number(3, 50'000));
}
