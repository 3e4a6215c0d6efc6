#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/subcommands.h"
#include "metrics/build_info.h"

namespace spillway::cmd {
namespace {

std::string Usage() {
  std::string text =
      "Spillway moves Pods that no real node can take onto virtual nodes.\n\n"
      "Usage: spillway <command> [flags]\n\nCommands:\n";
  for (const Subcommand& command : Subcommands()) {
    text += fmt::format("  {:<14}{}\n", command.name, command.summary);
  }
  text += "\nspillway <command> --help prints its flags; spillway --version the version.\n";
  return text;
}

int NoSuchCommand(const std::string& name) {
  std::vector<std::string> known;
  for (const Subcommand& command : Subcommands()) known.emplace_back(command.name);
  const auto meant = DidYouMean(name, known);
  fmt::print(stderr, "spillway: unknown command \"{}\"; {}\n", name,
             meant ? fmt::format("did you mean {}?", *meant) : "see spillway --help");
  return kUsageExit;
}

// virtual-kubelet's deployments give flags alone: --provider alibabacloud --nodename $(VK_INSTANCE).
bool IsVirtualKubeletsCommandLine(const std::vector<std::string>& args) {
  constexpr std::string_view kTheirFlags[] = {"--provider", "--nodename", "-provider", "-nodename"};
  const std::string name = args.front().substr(0, args.front().find('='));
  return std::find(std::begin(kTheirFlags), std::end(kTheirFlags), name) != std::end(kTheirFlags);
}

int Main(std::vector<std::string> args) {
  if (args.empty()) {
    fmt::print(stderr, "{}", Usage());
    return kUsageExit;
  }
  if (IsVirtualKubeletsCommandLine(args)) return RunAgent(std::move(args));
  std::string name = std::move(args.front());
  args.erase(args.begin());
  if (name == "--version" || name == "version") {
    fmt::print("{}\n", metrics::VersionLine());
    return 0;
  }
  if (name == "help" && !args.empty()) {
    name = std::move(args.front());
    args.erase(args.begin());
    args.emplace_back("--help");
  } else if (name == "--help" || name == "-h" || name == "help") {
    fmt::print("{}", Usage());
    return 0;
  }
  if (!args.empty()) {
    const std::string two_words = name + " " + args.front();
    for (const Subcommand& command : Subcommands()) {
      if (command.name == two_words) return command.run(std::vector<std::string>(args.begin() + 1, args.end()));
    }
  }
  for (const Subcommand& command : Subcommands()) {
    if (command.name == name) return command.run(std::move(args));
  }
  return NoSuchCommand(name);
}

}  // namespace
}  // namespace spillway::cmd

int main(int argc, char** argv) { return spillway::cmd::Main(std::vector<std::string>(argv + 1, argv + argc)); }
