#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/runtime.h"
#include "base/sync.h"
#include "kube/credentials.h"

namespace spillway::kube {

// What an exec credential plugin answered. Holds secrets: never logged.
struct ExecCredential {
  std::string token;
  std::string client_cert_pem, client_key_pem;
  std::optional<WallTime> expires;
};

// The text for KUBERNETES_EXEC_INFO.
std::string ExecInfo(const ClientConfig& config);
// kMalformed when the plugin's output is not a complete ExecCredential of `api_version`. Its text is never quoted.
Result<ExecCredential> ParseExecCredential(std::string_view output, std::string_view api_version);

// Runs a credential plugin: without a shell, in a process group of its own, no input, output capped at 1 MiB, standard
// error passed through, killed at the deadline. The waiting happens on a thread of this class, the only one in kube/;
// it touches nothing but its own call and ends with it. Loop thread only.
//
// Source: client-go plugin/pkg/client/auth/exec/exec.go; KEP-541.
class ExecPlugin {
 public:
  // `config.exec` is engaged.
  ExecPlugin(Runtime& runtime, ClientConfig config, Duration deadline = std::chrono::seconds(60));
  ~ExecPlugin();  // kills what runs
  ExecPlugin(const ExecPlugin&) = delete;
  ExecPlugin& operator=(const ExecPlugin&) = delete;

  // One run; kUnauthenticated with the plugin's name and what to do when it cannot be had. One at a time.
  Task<Result<ExecCredential>> Run();

 private:
  void Stop();

  Runtime& runtime_;
  ClientConfig config_;
  Duration deadline_;
  std::shared_ptr<std::atomic<bool>> stop_;
  std::thread thread_;
  std::optional<TimerId> timer_;
};

}  // namespace spillway::kube
