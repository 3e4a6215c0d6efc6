#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/provider.h"

// What an audit of a cloud says; pure.
namespace spillway::cmd {

struct AuditedPod {
  std::string uid, ns, name, node, phase;
  std::string waiting;  // why its containers do not run, where its status says so
};

struct AuditFacts {
  // Before and after the Pods were looked at: what is under way is in one of them only.
  std::vector<cloud::Instance> before, after;
  std::map<std::string, AuditedPod> pods;  // by UID: those of the provider's nodes, and those that instances are of
  std::set<std::string> nodes;             // all that the API server has
};

enum class FindingKind : std::uint8_t {
  kOrphan,          // an instance whose Pod is no more
  kOnOtherNode,     // an instance of one node whose Pod is bound to another
  kSecondInstance,  // one Pod has several; this one is not the first
  kNoInstance,      // a Pod that has not ended, and has none
};
// "Orphan", "OnOtherNode", "SecondInstance", "NoInstance".
std::string_view ToString(FindingKind kind);

struct Finding {
  FindingKind kind = FindingKind::kOrphan;
  std::optional<cloud::Instance> instance;  // none of kNoInstance
  AuditedPod pod;                           // of an orphan: what its instance says of it
  std::string detail;
};

// Only what holds before and after. By kind, node and Pod.
std::vector<Finding> FindingsOf(const AuditFacts& facts);

}  // namespace spillway::cmd
