#include "cmd/flags/input_flags.h"

#include <fmt/core.h>

DEFINE_string(
    f, "",
    "File to read: a List as `kubectl get nodes,pods,... -A -o json` prints it, or newline-delimited objects; - "
    "is standard input. More files may follow as arguments.");

namespace spillway::cmd {

std::vector<std::string> InputFiles(std::vector<std::string> arguments) {
  if (!FLAGS_f.empty()) arguments.insert(arguments.begin(), FLAGS_f);
  return arguments;
}

Result<bool> WantsCluster(const ParsedFlags& flags, const std::vector<std::string>& files) {
  for (const char* name : {"kubeconfig", "context"}) {
    if (!flags.given.contains(name)) continue;
    if (files.empty()) return true;
    return Fail(Code::kInvalidArgument,
                fmt::format("--{} asks about a live cluster and {} is a file; give one of them", name, files.front()));
  }
  return false;
}

}  // namespace spillway::cmd
