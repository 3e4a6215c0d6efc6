#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/runtime.h"

namespace spillway::cloud {

// What the living instances of a node cost an hour, and what they have cost since the agent began. Loop thread only.
class CostMeter {
 public:
  explicit CostMeter(Runtime& runtime) : runtime_(runtime), counted_until_(runtime.Now()) {}
  CostMeter(const CostMeter&) = delete;
  CostMeter& operator=(const CostMeter&) = delete;

  // One Pod's part in it. The meter outlives it.
  class Share {
   public:
    explicit Share(CostMeter& meter) : meter_(meter) {}
    ~Share() { Stop(); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // An instance lives, at that price in millionths an hour; none: nobody knows it.
    void Run(std::optional<std::int64_t> micro_per_hour);
    void Stop();
    bool is_without_price() const { return is_running_ && !micro_per_hour_; }

   private:
    CostMeter& meter_;
    std::optional<std::int64_t> micro_per_hour_;
    bool is_running_ = false;
  };

  double per_hour() const { return static_cast<double>(micro_per_hour_) / kMicro; }
  double total() const;
  std::size_t without_price() const { return without_price_; }

 private:
  static constexpr double kMicro = 1e6;
  // What has come together so far is counted; from now on it is another sum.
  void Change(std::int64_t more_per_hour);

  Runtime& runtime_;
  Instant counted_until_;
  std::int64_t micro_per_hour_ = 0;
  double micro_total_ = 0;
  std::size_t without_price_ = 0;
};

}  // namespace spillway::cloud
