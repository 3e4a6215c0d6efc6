#include "cloud/providers/process/command.h"

#include <fmt/core.h>
#include <unistd.h>

#include <map>
#include <string_view>

#include "cloud/provider.h"

namespace spillway::cloud {
namespace {

constexpr char kNotInPath[] = "NotInPath";
constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Result<std::string> FindExecutable(const std::string& name, std::string_view path) {
  if (name.find('/') != std::string::npos) return name;
  while (!path.empty()) {
    const auto colon = std::min(path.find(':'), path.size());
    std::string candidate = std::string(path.substr(0, colon)) + "/" + name;
    if (candidate.front() == '/' && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    path.remove_prefix(std::min(colon + 1, path.size()));
  }
  Error error{Code::kInvalidArgument, fmt::format("exec: \"{}\": executable file not found in $PATH", name)};
  error.reason = kNotInPath;
  return Fail(std::move(error));
}

// Source: execve(2), MAX_ARG_STRLEN.
std::size_t LongestText() { return 32 * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) - 1; }

Status CheckLength(const std::string& text, std::string_view what) {
  if (text.size() <= LongestText()) return {};
  return Fail(Code::kInvalidArgument, fmt::format("{} has {} bytes, and the kernel takes {}; mount it as a file", what,
                                                  text.size(), LongestText()));
}

}  // namespace

bool IsCommandNotFound(const Error& error) { return error.reason == kNotInPath; }

bool HasCommand(const Json& container) { return !Items(At(container, "command")).empty(); }

Result<Command> CommandOf(const Json& container, const std::string& hostname, const std::string& pod_ip,
                          const std::string& work_dir, const std::string& temp_dir) {
  Command command;
  for (const char* list : {"command", "args"}) {
    for (const Json& word : Items(At(container, list))) command.words.push_back(WithPodIp(Text(word), pod_ip));
  }
  std::map<std::string, std::string> environment = {
      {"PATH", kDefaultPath}, {"HOME", work_dir}, {"TMPDIR", temp_dir}, {"HOSTNAME", hostname}};
  for (const Json& item : Items(At(container, "env"))) {
    environment[TextAt(item, "name")] = WithPodIp(TextAt(item, "value"), pod_ip);
  }
  for (const auto& [name, value] : environment) {
    command.environment.push_back(name + "=" + value);
    if (auto fits = CheckLength(command.environment.back(), "environment variable " + name); !fits) {
      return Fail(std::move(fits).error());
    }
  }
  for (const std::string& word : command.words) {
    if (auto fits = CheckLength(word, "an argument"); !fits) return Fail(std::move(fits).error());
  }

  for (const auto* texts : {&command.words, &command.environment}) {
    for (const std::string& text : *texts) {
      if (text.find('\0') != std::string::npos) return Fail(Code::kInvalidArgument, "a NUL in command or environment");
    }
  }
  if (command.words.empty() || command.words.front().empty()) return Fail(Code::kInvalidArgument, "an empty command");
  Result<std::string> executable = FindExecutable(command.words.front(), environment["PATH"]);
  if (!executable) return Fail(std::move(executable).error());
  command.executable = *std::move(executable);
  return command;
}

}  // namespace spillway::cloud
