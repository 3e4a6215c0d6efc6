#include "cloud/market.h"

#include <fmt/core.h>

namespace spillway::cloud {
namespace {

constexpr std::int64_t kGib = std::int64_t{1} << 30, kMib = std::int64_t{1} << 20;

std::string CpuText(std::int64_t milli) {
  return milli % 1000 == 0 ? fmt::format("{}", milli / 1000) : fmt::format("{}m", milli);
}

std::string MemoryText(std::int64_t bytes) {
  if (bytes % kGib == 0) return fmt::format("{}Gi", bytes / kGib);
  return bytes % kMib == 0 ? fmt::format("{}Mi", bytes / kMib) : fmt::format("{}", bytes);
}

}  // namespace

Bill BillBySize(std::int64_t milli_cpu, std::int64_t memory_bytes, const std::optional<kube::Price>& price) {
  Bill bill{fmt::format("cpu={},memory={}", CpuText(milli_cpu), MemoryText(memory_bytes)), milli_cpu, memory_bytes};
  if (price) bill.micro_per_hour = kube::CostAt(*price, milli_cpu, memory_bytes);
  return bill;
}

}  // namespace spillway::cloud
