#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/json.h"

namespace spillway::cloud {

// A container's command as it is executed: words and environment, with the Pod's IP put in. Nothing of the agent's own
// environment is in it: the container's variables, and PATH, HOME, TMPDIR and HOSTNAME where it sets none.
struct Command {
  std::string executable;  // absolute, or with a slash relative to the working directory
  std::vector<std::string> words, environment;
};

// kInvalidArgument: the user has to change something ("executable file not found in $PATH").
Result<Command> CommandOf(const Json& container, const std::string& hostname, const std::string& pod_ip,
                          const std::string& work_dir, const std::string& temp_dir);

// An error of CommandOf(): the program is not there.
bool IsCommandNotFound(const Error& error);

// kubelet leaves the choice of a program to the image where there is no command; there are no images here.
bool HasCommand(const Json& container);

}  // namespace spillway::cloud
