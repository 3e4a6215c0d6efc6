#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "scheduler_sim/scheduler_config.h"

// kube-scheduler's own configuration file, a KubeSchedulerConfiguration. What it says about verdicts is kept; all else
// is checked for unknown fields, as kube-scheduler does, and forgotten. Errors are one line: "file:line: what".
//
// Source: kubernetes cmd/kube-scheduler/app/options/configfile.go; pkg/scheduler/apis/config/validation.
namespace spillway::cmd {

// `name` stands for the file in errors. JSON is YAML too.
Result<sim::SchedulerConfig> ParseSchedulerConfig(std::string_view yaml, std::string_view name);
Result<sim::SchedulerConfig> ReadSchedulerConfig(const std::string& path);

}  // namespace spillway::cmd
