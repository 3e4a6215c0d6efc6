#include "base/time.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

namespace spillway::base {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;

__extension__ using Wide = __int128;

struct Civil {
  int year;
  unsigned month, day;
  int hour, minute, second;
  std::int64_t nanos;
};

Civil ToCivil(WallTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(sys_days(day.time_since_epoch()));
  const auto rest = time - day;
  const auto whole = std::chrono::floor<seconds>(rest);
  const int in_day = static_cast<int>(whole.count());
  return {int(date.year()), unsigned(date.month()), unsigned(date.day()), in_day / 3600, in_day / 60 % 60,
          in_day % 60,      (rest - whole).count()};
}

// Consumes exactly `width` digits.
std::optional<int> Digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool Eat(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456789": more digits than nanoseconds are cut.
std::optional<std::int64_t> Fraction(std::string_view& text) {
  std::int64_t nanos = 0;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++digits) {
    if (digits < 9) nanos = nanos * 10 + (text.front() - '0');
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) nanos *= 10;
  return nanos;
}

// "Z", "+08:00", "-07:30".
std::optional<seconds> Offset(std::string_view& text) {
  if (Eat(text, 'Z') || Eat(text, 'z')) return seconds(0);
  if (text.empty()) return std::nullopt;
  const int sign = text.front() == '+' ? 1 : text.front() == '-' ? -1 : 0;
  if (sign == 0) return std::nullopt;
  text.remove_prefix(1);
  const auto hours = Digits(text, 2);
  if (!hours || !Eat(text, ':')) return std::nullopt;
  const auto minutes = Digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return seconds(sign * (*hours * 3600 + *minutes * 60));
}

// Nanoseconds; 0 for an unknown unit.
std::int64_t UnitInNanos(std::string_view unit) {
  if (unit == "h") return 3'600'000'000'000;
  if (unit == "m") return 60'000'000'000;
  if (unit == "s") return 1'000'000'000;
  if (unit == "ms") return 1'000'000;
  if (unit == "us" || unit == "µs" || unit == "μs") return 1'000;  // the micro sign and the Greek letter
  if (unit == "ns") return 1;
  return 0;
}

}  // namespace

std::string FormatRfc3339(WallTime time) {
  const Civil c = ToCivil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::string FormatRfc3339Micro(WallTime time) {
  const Civil c = ToCivil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", c.year, c.month, c.day, c.hour, c.minute, c.second,
                     c.nanos / 1000);
}

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  const auto year = Digits(text, 4);
  if (!year || !Eat(text, '-')) return std::nullopt;
  const auto month = Digits(text, 2);
  if (!month || !Eat(text, '-')) return std::nullopt;
  const auto day = Digits(text, 2);
  if (!day || !(Eat(text, 'T') || Eat(text, 't'))) return std::nullopt;
  const auto hour = Digits(text, 2);
  if (!hour || !Eat(text, ':')) return std::nullopt;
  const auto minute = Digits(text, 2);
  if (!minute || !Eat(text, ':')) return std::nullopt;
  const auto second = Digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::int64_t nanos = 0;
  if (Eat(text, '.')) {
    const auto fraction = Fraction(text);
    if (!fraction) return std::nullopt;
    nanos = *fraction;
  }
  const auto offset = Offset(text);
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!offset || !text.empty() || !date.ok()) return std::nullopt;
  if (*year < 1901) return WallTime(sys_days(std::chrono::year(1901) / 1 / 1).time_since_epoch());
  if (*year > 2149) return WallTime(sys_days(std::chrono::year(2150) / 1 / 1).time_since_epoch());
  const auto at = sys_days(date) + seconds(*hour * 3600 + *minute * 60 + *second) - *offset;
  return WallTime(at.time_since_epoch()) + Duration(nanos);
}

std::optional<Duration> ParseGoDuration(std::string_view text) {
  if (text == "0") return Duration(0);
  const bool negative = Eat(text, '-');
  if (!negative) Eat(text, '+');
  if (text.empty()) return std::nullopt;
  Wide total = 0;
  while (!text.empty()) {
    std::int64_t whole = 0;
    std::int64_t billionths = 0;
    std::size_t digits = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++digits) {
      if (digits >= 18) return std::nullopt;
      whole = whole * 10 + (text.front() - '0');
    }
    if (Eat(text, '.')) {
      const auto fraction = Fraction(text);
      if (!fraction) return std::nullopt;
      billionths = *fraction;
    } else if (digits == 0) {
      return std::nullopt;
    }
    std::size_t unit_end = 0;
    while (unit_end < text.size() && text[unit_end] != '.' && (text[unit_end] < '0' || text[unit_end] > '9'))
      ++unit_end;
    const std::int64_t unit = UnitInNanos(text.substr(0, unit_end));
    if (unit == 0) return std::nullopt;
    text.remove_prefix(unit_end);
    total += Wide{whole} * unit + Wide{billionths} * unit / 1'000'000'000;
    if (total > std::numeric_limits<std::int64_t>::max()) return std::nullopt;  // 292 years
  }
  const auto nanos = static_cast<Duration::rep>(total);
  return Duration(negative ? -nanos : nanos);
}

std::string FormatDuration(Duration duration) {
  if (duration < Duration(0)) return "-" + FormatDuration(-std::max(duration, -Duration::max()));
  duration = std::min(duration, Duration::max() - seconds(1));  // rounding must not overflow
  const auto millis = std::chrono::round<std::chrono::milliseconds>(duration).count();
  if (millis < 1000) return fmt::format("{}ms", millis);
  const auto tenths = (millis + 50) / 100;
  if (tenths < 100) return fmt::format("{}.{}s", tenths / 10, tenths % 10);
  const auto whole = std::chrono::round<seconds>(duration).count();
  if (whole < 120) return fmt::format("{}s", whole);
  if (whole < 7200) return whole % 60 ? fmt::format("{}m{}s", whole / 60, whole % 60) : fmt::format("{}m", whole / 60);
  return whole / 60 % 60 ? fmt::format("{}h{}m", whole / 3600, whole / 60 % 60) : fmt::format("{}h", whole / 3600);
}

}  // namespace spillway::base
