#pragma once

#include <gflags/gflags.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

// Command lines as Kubernetes components take them, over gflags' registry. A flag is DEFINEd in the one file of cmd/
// that reads it; a subcommand accepts only the flags of the files it names. Order of precedence: command line,
// environment (SPILLWAY_<FLAG>, as SPILLWAY_KUBE_API_QPS; an empty value counts as unset), default.
//
//   --flag=value  --flag value  --bool  --bool=false  -flag=value; dashes and underscores are the same; "--" ends
//   flags.
//
//   DEFINE_string(nodename, "", "Name of the virtual node. Required.");      // global scope, in cmd/agent/agent.cc
//   DEFINE_duration(pod_resync, "30s", "How often every Pod is looked at.");
//
//   int RunAgent(std::vector<std::string> args) {
//     const auto flags = ParseFlags(AgentFlags(), std::move(args));
//     if (!flags) return flags.error();          // --help, --version or a usage error: everything is printed
//     if (FLAGS_nodename.empty()) return UsageError("agent", "--nodename is required");
//     InitProcess(*flags);
//     ... DurationOf(FLAGS_pod_resync) ...
//   }

// A flag that takes a Go duration ("1.5s", "2m"), never negative; read it with DurationOf(FLAGS_name).
#define DEFINE_duration(name, value, help) \
  DEFINE_string(name, value, help);        \
  static const bool name##_is_duration = ::spillway::cmd::internal::MarkDuration(#name)

namespace spillway::cmd {

// The flags of one file, under one heading of --help.
struct FlagGroup {
  std::string_view title;  // "Kubernetes API"
  std::string_view file;   // "cmd/flags/kube_flags.cc"
};

// What one subcommand takes.
struct FlagSet {
  std::string_view subcommand;  // "agent"
  std::string_view summary;     // one sentence, for --help and docs/flags.md
  std::vector<FlagGroup> groups;
  // Defaults that differ from the DEFINE, for flags that subcommands share: {"metrics-bind-address", ":8090"}.
  std::vector<std::pair<std::string_view, std::string_view>> defaults;
  std::string_view arguments;  // what may follow the flags, for --help: "flags|metrics|events"; empty: nothing may
};

struct ParsedFlags {
  std::vector<std::string> arguments;  // what was not a flag
  std::set<std::string> given;         // on the command line or in the environment, with dashes
  int verbosity = 2;                   // --v
};

using ExitCode = int;
inline constexpr ExitCode kUsageExit = 2;

// Sets the FLAGS_ variables from `args` (without program and subcommand) and the environment. The error is what main()
// is to return: 0 after --help or --version went to standard output, 2 after one line on standard error.
tl::expected<ParsedFlags, ExitCode> ParseFlags(const FlagSet& set, std::vector<std::string> args);

// "spillway agent: <message>" on standard error; returns 2. For contradictions between flags.
ExitCode UsageError(std::string_view subcommand, std::string_view message);

// Logging at --v, SIGPIPE ignored. Call once, after ParseFlags and before any thread starts.
void InitProcess(const ParsedFlags& flags);

// The value of a DEFINE_duration flag; it has been checked.
Duration DurationOf(const std::string& flag_value);
// "a,b,c" without empty members.
std::vector<std::string> ListOf(const std::string& flag_value);

// ---- for tests and docs/flags.md

// As ParseFlags, without printing: kInvalidArgument is a usage error; kCancelled asks for --help or --version, whose
// text is the message.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Result<ParsedFlags> TryParseFlags(const FlagSet& set, const std::vector<std::string>& args, const Environment& env);

struct FlagDoc {
  std::string name;  // with dashes, without leading ones
  std::string type;  // "string", "duration", "bool", "int", "float"
  std::string default_value;
  std::string help;
  std::string environment;
};
// In the order of the set's groups, each by name; the common flags last.
std::vector<std::pair<std::string, std::vector<FlagDoc>>> DescribeFlags(const FlagSet& set);
std::string HelpText(const FlagSet& set);

// The closest of `known`, when it is close enough to be what was meant.
std::optional<std::string> DidYouMean(std::string_view word, const std::vector<std::string>& known);

namespace internal {
bool MarkDuration(std::string_view name);
}  // namespace internal

}  // namespace spillway::cmd
