#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "cloud/json.h"

namespace spillway::cloud {

enum class ProbeKind : std::uint8_t { kStartup, kReadiness, kLiveness };
const char* FieldOf(ProbeKind kind);  // "startupProbe"
const char* WordFor(ProbeKind kind);  // "Startup", as events have it

enum class ProbeVerdict : std::uint8_t { kUnknown, kSuccess, kFailure };

// What one probe of one container says, and when it is to be asked again; pure. Who asks when is the container's
// business: a probe is not asked before the startup probe has passed, and never twice at a time.
//
// Source: kubelet prober/worker.go, v1.33 to v1.36; defaults of the API.
class ProbeState {
 public:
  ProbeState(ProbeKind kind, const Json& probe);

  // The container has been started.
  void Begin(WallTime started_at);
  bool IsDue(WallTime now) const { return !asked_ && now >= next_; }
  void Ask(WallTime now);
  // The answer. True when it has changed the verdict, or is one more failure beyond the threshold.
  bool Answer(bool is_success, WallTime now);
  // No answer will come.
  void Forget() { asked_ = false; }

  ProbeKind kind() const { return kind_; }
  ProbeVerdict verdict() const { return verdict_; }
  Duration timeout() const { return timeout_; }

 private:
  ProbeKind kind_;
  Duration initial_delay_, period_, timeout_;
  std::int64_t success_threshold_, failure_threshold_;
  ProbeVerdict verdict_ = ProbeVerdict::kUnknown;
  std::optional<bool> last_;
  std::int64_t in_a_row_ = 0;
  bool asked_ = false;
  WallTime next_{};
};

}  // namespace spillway::cloud
