#include "kube/exec_plugin.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "kube/json.h"

extern char** environ;

namespace spillway::kube {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxOutput = 1u << 20;
constexpr int kPollMilliseconds = 50;

struct Outcome {
  int spawn_error = 0;  // errno
  bool stopped = false, too_long = false;
  int wait_status = 0;
  std::string output;
};

struct Invocation {
  std::string command;
  std::vector<std::string> args, env;
};

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The process is the leader of its own group, inherits nothing but standard error and starts with default signals.
int Spawn(Invocation& invocation, int output, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> arguments{invocation.command};
  arguments.insert(arguments.end(), invocation.args.begin(), invocation.args.end());
  const int error = posix_spawnp(&pid, invocation.command.c_str(), &actions, &attributes, Pointers(arguments).data(),
                                 Pointers(invocation.env).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Reads until end of file; false when stopped or too long.
bool ReadAll(int input, const std::atomic<bool>& stop, Outcome& outcome) {
  char buffer[16384];
  for (;;) {
    if (stop.load()) {
      outcome.stopped = true;
      return false;
    }
    pollfd ready{input, POLLIN, 0};
    if (poll(&ready, 1, kPollMilliseconds) <= 0) continue;
    const ssize_t count = read(input, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    outcome.output.append(buffer, static_cast<std::size_t>(count));
    if (outcome.output.size() > kMaxOutput) {
      outcome.too_long = true;
      return false;
    }
  }
}

// On the thread.
Outcome Execute(Invocation invocation, const std::atomic<bool>& stop) {
  Outcome outcome;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    outcome.spawn_error = errno;
    return outcome;
  }
  pid_t pid = 0;
  outcome.spawn_error = Spawn(invocation, ends[1], pid);
  close(ends[1]);
  if (outcome.spawn_error == 0) {
    if (!ReadAll(ends[0], stop, outcome)) kill(-pid, SIGKILL);
    // Its output may end before it does.
    while (waitpid(pid, &outcome.wait_status, WNOHANG) == 0) {
      if (stop.load() && !outcome.stopped) {
        outcome.stopped = true;
        kill(-pid, SIGKILL);
      }
      poll(nullptr, 0, 1);
    }
  }
  close(ends[0]);
  return outcome;
}

std::vector<std::string> EnvironmentFor(const ClientConfig& config) {
  std::vector<std::string> env;
  const auto is_set = [&](std::string_view entry) {
    const auto name = entry.substr(0, entry.find('='));
    if (name == "KUBERNETES_EXEC_INFO") return true;
    for (const auto& [key, value] : config.exec->env) {
      if (key == name) return true;
    }
    return false;
  };
  for (char** entry = environ; *entry; ++entry) {
    if (!is_set(*entry)) env.emplace_back(*entry);
  }
  for (const auto& [key, value] : config.exec->env) env.push_back(key + "=" + value);
  env.push_back("KUBERNETES_EXEC_INFO=" + ExecInfo(config));
  return env;
}

Result<ExecCredential> Judge(const Outcome& outcome, const ClientConfig::Exec& exec, Duration deadline) {
  const auto fail = [&](std::string what) {
    if (!exec.install_hint.empty()) what += "; " + exec.install_hint;
    return Fail(Code::kUnauthenticated, fmt::format("credential plugin {}: {}", exec.command, what));
  };
  if (outcome.spawn_error != 0) return fail(std::strerror(outcome.spawn_error));
  if (outcome.stopped) return fail(fmt::format("no answer within {}", base::FormatDuration(deadline)));
  if (outcome.too_long) return fail("answered more than 1 MiB");
  if (WIFSIGNALED(outcome.wait_status)) return fail(fmt::format("killed by signal {}", WTERMSIG(outcome.wait_status)));
  if (WEXITSTATUS(outcome.wait_status) != 0) {
    return fail(fmt::format("exit status {} (see standard error above)", WEXITSTATUS(outcome.wait_status)));
  }
  auto credential = ParseExecCredential(outcome.output, exec.api_version);
  if (!credential) return fail(credential.error().message);
  return credential;
}

}  // namespace

std::string ExecInfo(const ClientConfig& config) {
  json info;
  info["apiVersion"] = config.exec->api_version;
  info["kind"] = "ExecCredential";
  info["spec"]["interactive"] = false;
  if (config.exec->provide_cluster_info) {
    json cluster;
    cluster["server"] = config.server;
    if (!config.tls_server_name.empty()) cluster["tls-server-name"] = config.tls_server_name;
    if (!config.ca_data.empty()) cluster["certificate-authority-data"] = EncodeBase64(config.ca_data);
    info["spec"]["cluster"] = std::move(cluster);
  }
  return info.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ExecCredential> ParseExecCredential(std::string_view output, std::string_view api_version) {
  const json answer = json::parse(output, nullptr, false);
  if (!answer.is_object()) return Fail(Code::kMalformed, "its output is not JSON");
  if (TextAt(answer, "kind") != "ExecCredential") return Fail(Code::kMalformed, "its output is not an ExecCredential");
  if (TextAt(answer, "apiVersion") != api_version) {
    return Fail(Code::kMalformed, fmt::format("it did not answer in {}", api_version));
  }
  const json& status = At(answer, "status");
  if (!status.is_object()) return Fail(Code::kMalformed, "its output has no status");
  ExecCredential credential;
  credential.token = TextAt(status, "token");
  credential.client_cert_pem = TextAt(status, "clientCertificateData");
  credential.client_key_pem = TextAt(status, "clientKeyData");
  if (credential.client_cert_pem.empty() != credential.client_key_pem.empty()) {
    return Fail(Code::kMalformed, "it gave a client certificate without key, or a key without certificate");
  }
  if (credential.token.empty() && credential.client_cert_pem.empty()) {
    return Fail(Code::kMalformed, "it gave neither token nor client certificate");
  }
  const std::string expires = TextAt(status, "expirationTimestamp");
  if (!expires.empty()) {
    credential.expires = base::ParseRfc3339(expires);
    if (!credential.expires) return Fail(Code::kMalformed, "its expirationTimestamp is not an RFC 3339 time");
  }
  return credential;
}

ExecPlugin::ExecPlugin(Runtime& runtime, ClientConfig config, Duration deadline)
    : runtime_(runtime),
      config_(std::move(config)),
      deadline_(deadline),
      stop_(std::make_shared<std::atomic<bool>>(false)) {}

ExecPlugin::~ExecPlugin() { Stop(); }

void ExecPlugin::Stop() {
  stop_->store(true);
  if (timer_) runtime_.CancelTimer(*std::exchange(timer_, std::nullopt));
  if (thread_.joinable()) thread_.join();
}

Task<Result<ExecCredential>> ExecPlugin::Run() {
  Stop();
  stop_ = std::make_shared<std::atomic<bool>>(false);
  timer_ = runtime_.PostAt(runtime_.Now() + deadline_, [this] {
    timer_.reset();
    stop_->store(true);
  });
  OneShot<Outcome> done(runtime_);
  Invocation invocation{config_.exec->command, config_.exec->args, EnvironmentFor(config_)};
  thread_ = std::thread([&runtime = runtime_, stop = stop_, done, invocation = std::move(invocation)]() mutable {
    auto outcome = std::make_shared<Outcome>(Execute(std::move(invocation), *stop));
    runtime.Post([done = std::move(done), outcome] { done.Set(std::move(*outcome)); });
  });
  Outcome outcome = co_await done.Wait();
  Stop();
  Result<ExecCredential> credential = Judge(outcome, *config_.exec, deadline_);
  co_return credential;
}

}  // namespace spillway::kube
