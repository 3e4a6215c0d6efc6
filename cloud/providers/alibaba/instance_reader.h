#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/json.h"
#include "cloud/provider.h"

// What ECI's answers say of an instance; pure. Two of them make one: DescribeContainerGroupStatus, 200 a page and made
// for polling, has neither tags nor init containers nor events; DescribeContainerGroups, 20 a page, has all three.
//
// Source: API ECI 2018-08-08, as the vendor's SDK reads it; statuses from the user guide, "Lifecycle of an elastic
// container instance".
namespace spillway::cloud::alibaba {

// From an item of DescribeContainerGroups.
struct Details {
  InstanceIdentity identity;
  std::optional<WallTime> created_at;
  std::vector<ContainerState> init_containers;
  std::vector<InstanceEvent> events;
  std::string vswitch_id, zone_id;
};
Details ReadDetails(const Json& group);

// From an item of DescribeContainerGroupStatus.
struct GroupStatus {
  std::string id, name;
  std::string status;                  // ECI's word: "Scheduling", ...
  std::optional<InstanceState> state;  // none: a word that we do not know
  std::string reason, message;         // of the condition ContainerInstanceCreated
  std::string pod_ip;
  std::vector<ContainerState> containers;
  bool operator==(const GroupStatus&) const = default;
};
GroupStatus ReadStatus(const Json& item);

// One of the vocabulary, those of older documents included; none: unknown.
std::optional<InstanceState> StateOf(std::string_view status);

// `last`: what was known of it before, whose state stands while ECI says a word that we do not know.
Instance Merge(const GroupStatus& status, const Details& details, const Instance* last);

}  // namespace spillway::cloud::alibaba
