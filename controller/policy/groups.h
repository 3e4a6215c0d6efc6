#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kube/api/objects.h"

namespace spillway::controller {

// Pods that overflow all together or not at all: annotation spillway.io/group names their group, within the namespace,
// and spillway.io/group-size says of how many it is. Gangs of other schedulers never get here: the simulation leaves
// them to those.
struct Group {
  std::string key;                   // namespace/name
  std::optional<std::int64_t> size;  // nullopt: as many as there are
  std::string besides;               // a size that cannot be read, and what is used instead
};
std::optional<Group> GroupOf(const kube::Pod& pod);

// Which members are where, by deltas.
class GroupBook {
 public:
  enum class Where : std::uint8_t { kPending, kVirtual, kReal };
  void Put(const kube::Pod& pod, Where where);
  void Remove(std::string_view uid);

  struct Members {
    std::int64_t pending = 0, overflowed = 0, local = 0;
  };
  Members Of(const std::string& key) const;

 private:
  std::map<std::string, std::map<std::string, Where>> members_;  // by group and UID
  std::unordered_map<std::string, std::string> keys_;            // by UID
};

// Why a group whose `ready` members could go now does not; nullopt: it goes, if there is room for all of them.
std::optional<std::string> WhyGroupWaits(const Group& group, const GroupBook::Members& members, std::int64_t ready);

}  // namespace spillway::controller
