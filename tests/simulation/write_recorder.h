#pragma once

#include <fstream>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "sandbox/rest/api_server.h"

namespace spillway::simulation {

// Writes down what processes write through an API server, one JSON object a line:
//
//   user, at       whose write, when
//   method, path, contentType, body
//   before         the object that the path names, as it was; null when there was none
//   code, answer   what the sandbox answered
//
// tests/controlplane/replay_test.py sends them to a real API server. Loop thread only; must not outlive the ApiServer.
class WriteRecorder {
 public:
  WriteRecorder(Runtime& runtime, sandbox::ApiServer& api) : runtime_(runtime), api_(api) {}
  ~WriteRecorder();
  WriteRecorder(const WriteRecorder&) = delete;
  WriteRecorder& operator=(const WriteRecorder&) = delete;

  // From now on; what was in the file is gone.
  Status Start(const std::string& path);

 private:
  void Note(const sandbox::ServedWrite& write);

  Runtime& runtime_;
  sandbox::ApiServer& api_;
  std::ofstream file_;
};

}  // namespace spillway::simulation
