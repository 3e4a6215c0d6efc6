#pragma once

#include <string>

#include "cmd/doctor/finding.h"

// How `spillway doctor` prints; pure.
namespace spillway::cmd::doctor {

// A line for each finding, below it what to do, and one line that counts.
std::string ReportText(const Findings& findings);
// The machine's contract: docs/doctor.md#output.
std::string ReportJson(const Findings& findings);

}  // namespace spillway::cmd::doctor
