#include "kube/api/prices.h"

#include <fmt/core.h>

#include <charconv>

namespace spillway::kube {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t kMicro = 1'000'000;
constexpr std::int64_t kGib = std::int64_t{1} << 30;

}  // namespace

std::int64_t CostAt(const Price& price, std::int64_t milli_cpu, std::int64_t memory_bytes) {
  const Wide cpu = Wide{price.micro_per_cpu} * milli_cpu / 1000;
  const Wide memory = Wide{price.micro_per_gib} * memory_bytes / kGib;
  return static_cast<std::int64_t>(cpu + memory);
}

std::optional<std::int64_t> ParseMoney(std::string_view text) {
  const std::size_t point = text.find('.');
  std::string digits(text.substr(0, point));
  std::string behind(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (digits.empty() || (point != std::string_view::npos && behind.empty()) || behind.size() > 6) return std::nullopt;
  behind.resize(6, '0');
  digits += behind;
  std::int64_t micro = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, micro);
  if (error != std::errc() || stop != end || micro < 0 || digits.front() == '-') return std::nullopt;
  return micro;
}

std::string FormatMoney(std::int64_t micro) {
  std::string text = fmt::format("{}.{:06}", micro / kMicro, micro % kMicro);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace spillway::kube
