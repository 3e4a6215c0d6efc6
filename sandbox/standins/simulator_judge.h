#pragma once

#include <memory>
#include <string>

#include "sandbox/standins/scheduler_judge.h"

namespace spillway::sandbox {

// Spillway's own scheduling simulator as the judge.
std::unique_ptr<SchedulerJudge> NewSimulatorJudge(const std::string& scheduler_name);

}  // namespace spillway::sandbox
