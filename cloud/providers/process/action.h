#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/fd_watcher.h"
#include "base/runtime.h"
#include "base/scope.h"
#include "cloud/json.h"
#include "cloud/providers/process/exec_session.h"

// What probes and lifecycle hooks do.
namespace spillway::cloud {

struct HttpAction {
  std::string host;  // an address
  std::uint16_t port = 0;
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
};
struct TcpAction {
  std::string host;
  std::uint16_t port = 0;
};
struct SleepAction {
  Duration length{0};
};
using Action = std::variant<ExecPlan, HttpAction, TcpAction, SleepAction>;

// The network part of a probe or hook; nullopt: it has none (exec). kInvalidArgument: it cannot be run here, with the
// reason: HTTPS, gRPC, a host that is no address. kNotFound: a port that the container does not name, in kubelet's
// words.
Result<std::optional<Action>> NetworkActionOf(const Json& handler, const Json& container, const std::string& pod_ip);

struct ActionResult {
  bool is_success = false;
  std::string output;  // kubelet's words for why not; of a command what it said
};

// Carries them out: each at its own time, all on the loop. Real time only.
class ActionRunner {
 public:
  // Both outlive it.
  ActionRunner(Runtime& runtime, FdWatcher& watcher, Reaper& reaper)
      : runtime_(runtime), watcher_(watcher), reaper_(reaper) {}

  // Success: the command exited with 0, the answer's status is 200 to 399, the connection was made, the time is over.
  // What takes longer than `timeout` has failed, and is ended.
  Task<ActionResult> Run(Action action, Duration timeout);
  Runtime& runtime() { return runtime_; }

 private:
  Task<void> Do(Action action, OneShot<ActionResult> done, TaskScope& scope);
  Task<ActionResult> RunCommand(ExecPlan plan, TaskScope& scope);
  Task<ActionResult> Ask(HttpAction action);
  Task<ActionResult> Connect(TcpAction action);

  Runtime& runtime_;
  FdWatcher& watcher_;
  Reaper& reaper_;
};

// One action under way, at most.
class ActionSlot {
 public:
  explicit ActionSlot(ActionRunner& runner) : runner_(runner), flow_(runner.runtime()) {}
  void Begin(Action action, Duration timeout);
  bool is_busy() const { return is_busy_; }
  // Its result, once.
  std::optional<ActionResult> Take();
  // Ends it; nothing comes of it.
  void Drop();

 private:
  Task<void> Run(Action action, Duration timeout);
  ActionRunner& runner_;
  bool is_busy_ = false;
  std::optional<ActionResult> result_;
  TaskScope flow_;
};

}  // namespace spillway::cloud
