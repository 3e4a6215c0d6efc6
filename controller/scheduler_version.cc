#include "controller/scheduler_version.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::controller {
namespace {

constexpr int kOldestMinor = 33, kNewestMinor = 36;  // that the simulator knows

// "36+" -> 36; nullopt when it does not begin with a number.
std::optional<int> LeadingNumber(std::string_view text) {
  int number = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9' && digits < 6; ++digits) {
    number = number * 10 + (text[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  return number;
}

}  // namespace

Result<int> SchedulerMinorVersion(const nlohmann::json& version) {
  if (version.is_object()) {
    const auto minor = version.find("minor");
    if (minor != version.end() && minor->is_string()) {
      if (const auto number = LeadingNumber(minor->get_ref<const std::string&>())) {
        return std::clamp(*number, kOldestMinor, kNewestMinor);
      }
    }
  }
  return Fail(Code::kMalformed, "/version has no minor version; set --kube-scheduler-version");
}

}  // namespace spillway::controller
