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

bool FitsInt64(Nano value) {
  using Limits = std::numeric_limits<std::int64_t>;
  return value <= Limits::max() && value >= Limits::min();
}

Nano DivideAwayFromZero(Nano value, Nano divisor) {
  const Nano quotient = value / divisor;
  if (value % divisor == 0) return quotient;
  return value > 0 ? quotient + 1 : quotient - 1;
}

// 10^power; 0 when that is beyond 128 bits.
Nano PowerOfTen(int power) {
  Nano value = 1;
  for (; power > 0; --power) {
    if (__builtin_mul_overflow(value, Nano{10}, &value)) return 0;
  }
  return value;
}

// Whether upstream's parser keeps an amount as an int64; `digits` as written, without leading zeros.
bool IsSmall(const Suffix& suffix, std::size_t whole_digits, std::size_t fraction_digits, Nano nano) {
  const auto digits = static_cast<int>(std::max<std::size_t>(1, whole_digits));
  if (!suffix.binary) {
    const auto fraction = static_cast<int>(fraction_digits);
    return digits + fraction <= 18 && suffix.exponent - fraction >= -kNanoDigits;
  }
  const bool precise = 15 - digits - suffix.exponent * 3 / 10 - 1 >= 0;
  return fraction_digits == 0 && precise && FitsInt64(nano / kNanoPerUnit);
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
  const std::size_t leading_zeros = std::min(whole.find_first_not_of('0'), whole.size());
  std::int8_t scale = kBig;
  if (IsSmall(*suffix, whole.size() - leading_zeros, fraction.size(), nano)) {
    const std::int64_t power = suffix->binary ? 0 : suffix->exponent - fraction_digits;
    scale = static_cast<std::int8_t>(std::min<std::int64_t>(power, kBig - 1));
  }
  return Quantity(negative ? -nano : nano, scale);
}

std::int64_t Quantity::Whole(Nano unit) const {
  const Nano whole = DivideAwayFromZero(nano_, unit);
  if (FitsInt64(whole)) return static_cast<std::int64_t>(whole);
  return scale_ == kBig ? static_cast<std::int64_t>(static_cast<std::uint64_t>(whole)) : 0;
}

bool Quantity::is_saturated() const { return nano_ == kMaxNano || nano_ == -kMaxNano; }

std::int64_t Quantity::Value() const { return Whole(kNanoPerUnit); }
std::int64_t Quantity::MilliValue() const { return Whole(1'000'000); }

bool Quantity::AddSmall(Quantity other) {
  if (scale_ == kBig || other.scale_ == kBig) return false;
  if (other.nano_ == 0) return true;
  if (nano_ == 0) {
    *this = other;
    return true;
  }
  const std::int8_t scale = std::min(scale_, other.scale_);
  const Nano unit = PowerOfTen(kNanoDigits + scale);
  if (unit == 0) return false;
  const Nano mine = nano_ / unit, theirs = other.nano_ / unit;
  if (!FitsInt64(mine) || !FitsInt64(theirs) || !FitsInt64(mine + theirs)) return false;
  nano_ += other.nano_;
  scale_ = scale;
  return true;
}

Quantity& Quantity::operator+=(Quantity other) {
  if (AddSmall(other)) return *this;
  Nano sum = 0;
  if (__builtin_add_overflow(nano_, other.nano_, &sum)) sum = other.nano_ > 0 ? kMaxNano : -kMaxNano;
  nano_ = sum;
  scale_ = kBig;
  return *this;
}

}  // namespace spillway::kube
