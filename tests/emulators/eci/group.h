#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/time.h"
#include "tests/emulators/common/life.h"

// Container groups, as ECI has them.
namespace spillway::emulators::eci {

using Json = nlohmann::json;
using ParameterMap = std::map<std::string, std::string>;  // as they came, "Container.1.Name"

struct Group : Life {
  std::string id, name, client_token, region, vswitch, zone, ip;
  ParameterMap parameters;
  std::map<std::string, std::string> tags;
  std::string odd_status;  // told instead of what is so; empty: none
};

struct GroupView : LifeView {
  std::string status;  // "Scheduling", ...
  std::string reason;  // "NoStock"
};

GroupView ViewAt(const Group& group, WallTime now);

// From checked parameters.
Group MakeGroup(ParameterMap parameters);

// The value of "Container.1.Name", or "".
const std::string& At(const ParameterMap& parameters, const std::string& name);

}  // namespace spillway::emulators::eci
