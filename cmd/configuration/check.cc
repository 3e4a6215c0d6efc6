#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cmd/configuration/configuration.h"
#include "cmd/flags/policy_flags.h"
#include "cmd/flags/simulation_flags.h"
#include "cmd/subcommands.h"

namespace spillway::cmd {
namespace {

constexpr ExitCode kRejectedExit = 1;

std::string InWords(const controller::Policy& policy) {
  return fmt::format("mode {}, {} cap{}, {} pool{}, restrictions: {}", controller::ToString(policy.mode),
                     policy.limits.caps.size(), policy.limits.caps.size() == 1 ? "" : "s", policy.pools.size(),
                     policy.pools.size() == 1 ? "" : "s",
                     policy.restrictions.set_in.empty() ? "none" : policy.restrictions.set_in);
}

}  // namespace

FlagSet ConfigCheckFlags() {
  return {.subcommand = "config check",
          .summary =
              "Reads a SpillwayConfiguration as a controller with these flags would, and says what is wrong with it. "
              "Exit code 0: it would be taken; 1: it would be rejected.",
          .groups = {kPolicyFlags, kSimulationFlags},
          .defaults = {},
          .arguments = "FILE"};
}

int RunConfigCheck(std::vector<std::string> args) {
  const auto flags = ParseFlags(ConfigCheckFlags(), std::move(args));
  if (!flags) return flags.error();
  if (flags->arguments.size() != 1) return UsageError("config check", "name the file to check");
  const auto policy = PolicyOfFlags();
  if (!policy) return UsageError("config check", policy.error().message);
  const std::string& file = flags->arguments.front();
  const auto text = base::ReadFile(file == "-" ? "/dev/stdin" : file);
  if (!text) return UsageError("config check", text.error().message);
  const auto read = ReadConfiguration(*text, *policy, file, file);
  if (!read) {
    fmt::print(stderr, "spillway config check: rejected: {}\n", read.error().message);
    return kRejectedExit;
  }
  fmt::print("{} is good: {}\n", file, InWords(*read));
  return 0;
}

}  // namespace spillway::cmd
