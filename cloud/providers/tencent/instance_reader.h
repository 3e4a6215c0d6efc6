#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/json.h"
#include "cloud/provider.h"
#include "cloud/providers/tencent/instance_name.h"

// What EKSCI's answers say of an instance; pure. Readiness is not among it: what runs counts as ready. Nor is the run
// of a container before the current one, which is known when it was seen.
//
// Source: API TKE 2018-05-25, as the vendor's SDK reads it.
namespace spillway::cloud::tencent {

// From an item of DescribeEKSContainerInstances.
struct InstanceStatus {
  std::string id, name;
  std::string status;                  // EKSCI's word: "Pending", ...
  std::optional<InstanceState> state;  // none: a word that we do not know
  std::string pod_ip, subnet;
  std::optional<WallTime> created_at;
  std::optional<InstanceNote> note;  // none: it is not told, or not there
  std::vector<ContainerState> init_containers, containers;
};
InstanceStatus ReadStatus(const Json& item);

std::optional<InstanceState> StateOf(std::string_view status);

// From an answer of DescribeEKSContainerInstanceEvent, oldest first.
std::vector<InstanceEvent> ReadEvents(const Json& answer);
// What those say about why it has no place; nullopt: nothing.
std::optional<Refusal> RefusalOf(const std::vector<InstanceEvent>& events);

// Nothing of it has ever run.
bool HasNeverRun(const InstanceStatus& status);

// "2026-06-18T10:00:05Z", and as Go prints times: "2026-06-18 10:00:00 +0000 UTC". nullopt: none, or the year 1.
std::optional<WallTime> ReadTime(const std::string& text);

// `last`: what was known of it before; null: nothing. Its state stands while EKSCI says a word that we do not know, and
// what it had given up it does not run. `identity`: where the instance itself does not tell.
Instance Merge(const InstanceStatus& status, const InstanceIdentity& identity, std::vector<InstanceEvent> events,
               const Instance* last);

}  // namespace spillway::cloud::tencent
