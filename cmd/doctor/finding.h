#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What `spillway doctor` says of one thing.
namespace spillway::cmd::doctor {

enum class Level : std::uint8_t {
  kOk,
  kUnknown,  // it cannot be seen from here, or not with these credentials
  kWarn,     // it works, or will not for long
  kFail,     // something does not work
};
// "OK", "UNKNOWN", "WARN", "FAIL".
std::string_view ToString(Level level);

struct Finding {
  Level level = Level::kOk;
  std::string check;  // what it belongs to: "permissions", "virtual-nodes"
  std::string what;   // one line
  std::string todo;   // one line, empty when nothing is to be done
};
using Findings = std::vector<Finding>;

// What scripts go by: 3 if anything fails; else 4 if anything is a warning; else 0. Unknown is neither.
int ExitCodeOf(const Findings& findings);

}  // namespace spillway::cmd::doctor
