#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/emulators/eci/group.h"

// What each API takes. The names are checked against the vendor's SDK by tests/emulators/sdk_test.py.
namespace spillway::emulators::eci {

// By API; "N" stands for a number from 1 on: "Container.N.EnvironmentVar.N.Key".
const std::map<std::string, std::vector<std::string>>& AcceptedParameters();

// "Container.12.Arg.3" -> "Container.N.Arg.N".
std::string PatternOf(const std::string& name);

struct Complaint {
  std::string code, message;
};
// The first thing that is wrong with a call; an empty code: nothing.
Complaint CheckParameters(const std::string& api, const ParameterMap& parameters);

}  // namespace spillway::emulators::eci
