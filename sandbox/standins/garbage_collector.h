#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "sandbox/standins/context.h"

namespace spillway::sandbox {

// Stands in for two controllers that clean up: garbage collection (what no living owner holds is deleted, in the
// background) and namespace deletion (everything in it first, then itself). Knows the owner kinds that the sandbox's
// controllers use; references to other kinds are left alone.
class GarbageCollector {
 public:
  explicit GarbageCollector(StandinContext context);

 private:
  using Dependent = std::pair<std::string, std::string>;  // resource, key
  void Watch(const std::string& resource);
  void OnChange(const std::string& resource, const std::string& key, const Json* before, const Json* now);
  void Collect(const std::string& owner_uid);
  void EmptyNamespace(const std::string& name);

  StandinContext context_;
  std::map<std::string, std::set<Dependent>> dependents_;  // by owner UID
  std::set<std::string> alive_;                            // UIDs
  WorkQueue owners_, namespaces_;
};

}  // namespace spillway::sandbox
