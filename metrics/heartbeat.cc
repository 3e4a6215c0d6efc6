#include "metrics/heartbeat.h"

#include <fmt/core.h>

namespace spillway::metrics {

Heartbeat::Heartbeat(Runtime& runtime) : runtime_(runtime) { Beat(); }

Heartbeat::~Heartbeat() { runtime_.CancelTimer(timer_); }

void Heartbeat::Beat() {
  last_ = runtime_.Now();
  timer_ = runtime_.PostAt(last_ + kPeriod, [this] { Beat(); });
}

Status Heartbeat::Check() const {
  const Duration late = runtime_.Now() - last_;
  if (late <= kLimit) return {};
  return Fail(Code::kInternal, fmt::format("the loop has not turned for {}", base::FormatDuration(late)));
}

}  // namespace spillway::metrics
