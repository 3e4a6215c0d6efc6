#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "sandbox/standins/context.h"

namespace spillway::sandbox {

// Stands in for garbage collection: what no living owner holds is deleted, in the background. Knows the owner kinds
// that the sandbox's controllers use; references to other kinds are left alone. (Namespaces are emptied by the store.)
class GarbageCollector {
 public:
  explicit GarbageCollector(StandinContext context);

 private:
  using Dependent = std::pair<std::string, std::string>;  // resource, key
  void Watch(const std::string& resource);
  void OnChange(const std::string& resource, const std::string& key, const Json* before, const Json* now);
  void Collect(const std::string& owner_uid);

  StandinContext context_;
  std::map<std::string, std::set<Dependent>> dependents_;  // by owner UID
  std::set<std::string> alive_;                            // UIDs
  WorkQueue owners_;
};

}  // namespace spillway::sandbox
