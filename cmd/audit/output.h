#pragma once

#include <string>
#include <vector>

#include "cmd/audit/findings.h"

// How `spillway agent audit` prints; pure.
namespace spillway::cmd {

struct AuditReport {
  std::string cluster_id, provider;
  WallTime now{};
  AuditFacts facts;
  std::vector<Finding> findings;
};

// A table of findings, and one line that counts.
std::string AuditText(const AuditReport& report);
// The machine's contract: docs/virtual-node.md#audit.
std::string AuditJson(const AuditReport& report);

}  // namespace spillway::cmd
