#pragma once

#include "base/result.h"
#include "cmd/flags/flags.h"

// How often a subcommand may ask the API server: --kube-api-qps, --kube-api-burst.
namespace spillway::cmd {

inline constexpr FlagGroup kKubeFlags = {"Kubernetes API", "cmd/flags/kube_flags.cc"};

// kInvalidArgument when the flags contradict each other; main() prints it with UsageError().
Status CheckKubeFlags();
double KubeApiQps();
int KubeApiBurst();

}  // namespace spillway::cmd
