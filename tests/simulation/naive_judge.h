#pragma once

#include <memory>
#include <string>

#include "base/runtime.h"
#include "sandbox/standins/scheduler_judge.h"

namespace spillway::simulation {

// The naive model as the judge of the sandbox's kube-scheduler: so that its verdicts and messages are not those of the
// simulator that is being tested.
std::unique_ptr<sandbox::SchedulerJudge> NewNaiveJudge(Runtime& runtime, const std::string& scheduler_name);

}  // namespace spillway::simulation
