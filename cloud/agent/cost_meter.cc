#include "cloud/agent/cost_meter.h"

namespace spillway::cloud {
namespace {
double Hours(Duration duration) { return std::chrono::duration<double, std::ratio<3600>>(duration).count(); }
}  // namespace

void CostMeter::Share::Run(std::optional<std::int64_t> micro_per_hour) {
  if (is_running_ && micro_per_hour == micro_per_hour_) return;
  Stop();
  is_running_ = true;
  micro_per_hour_ = micro_per_hour;
  if (!micro_per_hour) ++meter_.without_price_;
  meter_.Change(micro_per_hour.value_or(0));
}

void CostMeter::Share::Stop() {
  if (!is_running_) return;
  if (!micro_per_hour_) --meter_.without_price_;
  meter_.Change(-micro_per_hour_.value_or(0));
  is_running_ = false;
  micro_per_hour_.reset();
}

double CostMeter::total() const {
  return (micro_total_ + static_cast<double>(micro_per_hour_) * Hours(runtime_.Now() - counted_until_)) / kMicro;
}

void CostMeter::Change(std::int64_t more_per_hour) {
  const Instant now = runtime_.Now();
  micro_total_ += static_cast<double>(micro_per_hour_) * Hours(now - counted_until_);
  counted_until_ = now;
  micro_per_hour_ += more_per_hour;
}

}  // namespace spillway::cloud
