#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What virtual nodes and the instances behind them cost. Money is in millionths of a currency, whichever; all prices of
// one cluster are taken to be in the same.
namespace spillway::kube {

// What a virtual node costs an hour.
struct Price {
  std::int64_t micro_per_cpu = 0, micro_per_gib = 0;
  bool operator==(const Price&) const = default;
};
// Annotations of a Node: "0.05" each.
inline constexpr std::string_view kPricePerCpu = "spillway.io/price-per-cpu-hour";
inline constexpr std::string_view kPricePerGib = "spillway.io/price-per-gib-hour";

// An hour of so much at that price, rounded down.
std::int64_t CostAt(const Price& price, std::int64_t milli_cpu, std::int64_t memory_bytes);

// "0.05" in millionths; nullopt: not a decimal number that is at least 0, with at most 6 digits behind the point.
std::optional<std::int64_t> ParseMoney(std::string_view text);
std::string FormatMoney(std::int64_t micro);  // "0.05"

}  // namespace spillway::kube
