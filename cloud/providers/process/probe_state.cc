#include "cloud/providers/process/probe_state.h"

#include <algorithm>

namespace spillway::cloud {
namespace {

std::int64_t Positive(const Json& probe, const char* field, std::int64_t otherwise) {
  const std::int64_t value = Integer(At(probe, field));
  return value > 0 ? std::min<std::int64_t>(value, 1'000'000) : otherwise;
}

}  // namespace

const char* FieldOf(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kStartup:
      return "startupProbe";
    case ProbeKind::kReadiness:
      return "readinessProbe";
    case ProbeKind::kLiveness:
      break;
  }
  return "livenessProbe";
}

const char* WordFor(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kStartup:
      return "Startup";
    case ProbeKind::kReadiness:
      return "Readiness";
    case ProbeKind::kLiveness:
      break;
  }
  return "Liveness";
}

ProbeState::ProbeState(ProbeKind kind, const Json& probe)
    : kind_(kind),
      initial_delay_(std::chrono::seconds(Positive(probe, "initialDelaySeconds", 0))),
      period_(std::chrono::seconds(Positive(probe, "periodSeconds", 10))),
      timeout_(std::chrono::seconds(Positive(probe, "timeoutSeconds", 1))),
      success_threshold_(Positive(probe, "successThreshold", 1)),
      failure_threshold_(Positive(probe, "failureThreshold", 3)) {}

void ProbeState::Begin(WallTime started_at) {
  switch (kind_) {
    case ProbeKind::kStartup:
      verdict_ = ProbeVerdict::kUnknown;
      break;
    case ProbeKind::kReadiness:
      verdict_ = ProbeVerdict::kFailure;
      break;
    case ProbeKind::kLiveness:
      verdict_ = ProbeVerdict::kSuccess;
      break;
  }
  last_.reset();
  in_a_row_ = 0;
  asked_ = false;
  next_ = started_at + initial_delay_;
}

void ProbeState::Ask(WallTime now) {
  asked_ = true;
  next_ = now + period_;
}

bool ProbeState::Answer(bool is_success, WallTime now) {
  asked_ = false;
  next_ = std::max(next_, now);
  in_a_row_ = last_ == is_success ? in_a_row_ + 1 : 1;
  last_ = is_success;
  if (in_a_row_ < (is_success ? success_threshold_ : failure_threshold_)) return false;
  const ProbeVerdict verdict = is_success ? ProbeVerdict::kSuccess : ProbeVerdict::kFailure;
  const bool is_news = verdict != verdict_ || !is_success;
  verdict_ = verdict;
  return is_news;
}

}  // namespace spillway::cloud
