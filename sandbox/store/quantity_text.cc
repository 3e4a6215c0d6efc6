#include "sandbox/store/quantity_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "kube/api/quantity.h"

namespace spillway::sandbox {
namespace {

using Nano = kube::Quantity::Nano;
constexpr Nano kNanoPerUnit = 1'000'000'000;

std::string DigitsOf(Nano amount) {
  std::string digits;
  for (Nano left = amount < 0 ? -amount : amount; left > 0; left /= 10)
    digits += static_cast<char>('0' + static_cast<int>(left % 10));
  if (digits.empty()) digits = "0";
  if (amount < 0) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string Binary(Nano units) {
  static constexpr std::array<const char*, 7> kSuffixes = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  std::size_t power = 0;
  while (units % 1024 == 0 && power + 1 < kSuffixes.size()) {
    units /= 1024;
    ++power;
  }
  return DigitsOf(units) + kSuffixes[power];
}

std::string Decimal(Nano nano, bool with_exponent) {
  static constexpr std::array<const char*, 10> kSuffixes = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
  std::size_t power = 0;
  while (nano % 1000 == 0 && power + 1 < kSuffixes.size()) {
    nano /= 1000;
    ++power;
  }
  if (!with_exponent) return DigitsOf(nano) + kSuffixes[power];
  const int exponent = 3 * (static_cast<int>(power) - 3);
  return exponent == 0 ? DigitsOf(nano) : fmt::format("{}e{}", DigitsOf(nano), exponent);
}

}  // namespace

std::optional<std::string> CanonicalQuantity(std::string_view text) {
  const auto quantity = kube::Quantity::Parse(text);
  if (!quantity) return std::nullopt;
  const Nano nano = quantity->nano();
  if (nano == 0) return "0";
  const bool is_binary = text.ends_with('i');
  const bool is_small = nano > -1024 * kNanoPerUnit && nano < 1024 * kNanoPerUnit;
  if (is_binary && !is_small && nano % kNanoPerUnit == 0) return Binary(nano / kNanoPerUnit);
  const std::size_t exponent = text.find_first_of("eE");
  return Decimal(nano, exponent != std::string_view::npos && exponent + 1 < text.size());
}

}  // namespace spillway::sandbox
