#include "kube/api/quantity.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

namespace spillway::kube {
namespace {

using Nano = Quantity::Nano;
constexpr int kNanoDigits = 9;
constexpr Nano kMaxNano = static_cast<Nano>((static_cast<Nano>(1) << 126) - 1 + (static_cast<Nano>(1) << 126));
constexpr Nano kNanoPerUnit = 1'000'000'000;
// Upstream caps binary-suffix amounts at 2^63-1 units.
constexpr Nano kMaxBinary = static_cast<Nano>(std::numeric_limits<std::int64_t>::max()) * kNanoPerUnit;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TakeDigits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

struct Suffix {
  bool binary = false;
  int exponent = 0;  // of two or of ten
};

// "e3", "E-9": nullopt unless a whole number follows. Far exponents mean the same as merely large ones: they saturate.
std::optional<Suffix> ParseExponent(std::string_view text) {
  text.remove_prefix(1);
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  const int exponent = static_cast<int>(std::min<std::int64_t>(value, 1'000'000));
  return Suffix{false, negative ? -exponent : exponent};
}

std::optional<Suffix> ParseSuffix(std::string_view text) {
  if (text.empty()) return Suffix{};
  static constexpr std::string_view kLarge = "kMGTPE";
  if (text.size() == 1) {
    switch (text[0]) {
      case 'n':
        return Suffix{false, -9};
      case 'u':
        return Suffix{false, -6};
      case 'm':
        return Suffix{false, -3};
      default:
        break;
    }
    const auto at = kLarge.find(text[0]);
    if (at == std::string_view::npos) return std::nullopt;
    return Suffix{false, static_cast<int>(at + 1) * 3};
  }
  if (text.size() == 2 && text[1] == 'i') {
    static constexpr std::string_view kBinary = "KMGTPE";
    const auto at = kBinary.find(text[0]);
    if (at == std::string_view::npos) return std::nullopt;
    return Suffix{true, static_cast<int>(at + 1) * 10};
  }
  if (text[0] == 'e' || text[0] == 'E') return ParseExponent(text);
  return std::nullopt;
}

// `digits` times 2^exponent, as decimal digits: arbitrary precision, for fractions of binary units.
std::string TimesPowerOfTwo(std::string_view digits, int exponent) {
  std::vector<std::uint64_t> limbs;  // base 10^9, least significant first
  constexpr std::uint64_t kBase = 1'000'000'000;
  for (std::size_t end = digits.size(); end > 0;) {
    const std::size_t begin = end > 9 ? end - 9 : 0;
    std::uint64_t limb = 0;
    for (std::size_t i = begin; i < end; ++i) limb = limb * 10 + static_cast<std::uint64_t>(digits[i] - '0');
    limbs.push_back(limb);
    end = begin;
  }
  for (; exponent > 0; exponent -= 10) {
    std::uint64_t carry = 0;
    for (auto& limb : limbs) {
      carry += limb << 10;
      limb = carry % kBase;
      carry /= kBase;
    }
    if (carry != 0) limbs.push_back(carry);
  }
  std::string result;
  for (auto limb = limbs.rbegin(); limb != limbs.rend(); ++limb) {
    std::string part = std::to_string(*limb);
    if (!result.empty()) part.insert(0, 9 - part.size(), '0');
    result += part;
  }
  return result;
}

// ceil(digits * 10^power), saturating.
Nano Scale(std::string_view digits, std::int64_t power) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return 0;
  bool round_up = false;
  if (power < 0) {
    const auto dropped =
        static_cast<std::size_t>(std::min<std::int64_t>(-power, static_cast<std::int64_t>(digits.size())));
    round_up = digits.substr(digits.size() - dropped).find_first_not_of('0') != std::string_view::npos ||
               static_cast<std::int64_t>(dropped) < -power;
    digits.remove_suffix(dropped);
    power = 0;
  }
  Nano value = 0;
  const auto append = [&value](int digit) {
    return !__builtin_mul_overflow(value, Nano{10}, &value) && !__builtin_add_overflow(value, Nano{digit}, &value);
  };
  for (const char c : digits) {
    if (!append(c - '0')) return kMaxNano;
  }
  for (; power > 0 && value != 0; --power) {
    if (!append(0)) return kMaxNano;
  }
  return round_up && value < kMaxNano ? value + 1 : value;
}

std::int64_t Saturate(Nano value) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (value > Limits::max()) return Limits::max();
  if (value < Limits::min()) return Limits::min();
  return static_cast<std::int64_t>(value);
}

Nano DivideAwayFromZero(Nano value, Nano divisor) {
  const Nano quotient = value / divisor;
  if (value % divisor == 0) return quotient;
  return value > 0 ? quotient + 1 : quotient - 1;
}

}  // namespace

std::optional<Quantity> Quantity::Parse(std::string_view text) {
  if (text.empty()) return std::nullopt;
  bool negative = false;
  if (text.front() == '+' || text.front() == '-') {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const std::string_view whole = TakeDigits(text);
  std::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = TakeDigits(text);
  }
  const auto suffix = ParseSuffix(text);
  if (!suffix) return std::nullopt;
  // Upstream's scanner takes a missing number for zero, but only on its fast path.
  const bool on_fast_path = suffix->binary ? suffix->exponent <= 40 : suffix->exponent >= -kNanoDigits;
  if (whole.empty() && fraction.empty() && !on_fast_path) return std::nullopt;

  Nano nano = 0;
  const auto fraction_digits = static_cast<std::int64_t>(fraction.size());
  if (!suffix->binary && fraction.empty()) {
    nano = Scale(whole, suffix->exponent + kNanoDigits);
  } else {
    std::string digits(whole);
    digits += fraction;
    if (suffix->binary) {
      digits = TimesPowerOfTwo(digits, suffix->exponent);
      nano = std::min(Scale(digits, kNanoDigits - fraction_digits), kMaxBinary);
    } else {
      nano = Scale(digits, suffix->exponent + kNanoDigits - fraction_digits);
    }
  }
  return Quantity(negative ? -nano : nano);
}

std::int64_t Quantity::Value() const { return Saturate(DivideAwayFromZero(nano_, kNanoPerUnit)); }
std::int64_t Quantity::MilliValue() const { return Saturate(DivideAwayFromZero(nano_, 1'000'000)); }

Quantity& Quantity::operator+=(Quantity other) {
  Nano sum = 0;
  if (__builtin_add_overflow(nano_, other.nano_, &sum)) sum = other.nano_ > 0 ? kMaxNano : -kMaxNano;
  nano_ = sum;
  return *this;
}

}  // namespace spillway::kube
