#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/time.h"
#include "tests/emulators/common/life.h"

// Container instances, as EKSCI has them and tells of them, by the names of the vendor's SDK's response classes.
namespace spillway::emulators::eksci {

using Json = nlohmann::json;

struct Instance : Life {
  std::string id, ip, zone;
  Json request;            // of its create, checked
  WallTime shown_at{};     // before that nothing tells of it
  std::string odd_status;  // told instead of what is so; empty: none

  std::string name() const { return request.value("EksCiName", ""); }
  std::string subnet() const { return request.value("SubnetId", ""); }
};
Instance MakeInstance(Json request);

// It has neither ended nor gone; one that waits for a place in vain has not.
bool IsLive(const Instance& instance, WallTime now);

// "Pending", "Running", "Succeeded", "Failed".
std::string StatusOf(const Instance& instance, const LifeView& view);
// An item of DescribeEKSContainerInstances.EksCis.
Json InstanceAnswer(const Instance& instance, WallTime now, bool shows_environment);
// DescribeEKSContainerInstanceEvent.Events, the newest `limit`.
Json EventsAnswer(const Instance& instance, WallTime now, std::size_t limit);

}  // namespace spillway::emulators::eksci
