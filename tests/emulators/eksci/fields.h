#pragma once

#include <map>
#include <string>

#include "tests/emulators/eksci/instance.h"

// What each API takes. Names and types are checked against the vendor's SDK by tests/emulators/eksci_sdk_test.py.
namespace spillway::emulators::eksci {

// By API, by path; "N" stands for each item of a list: "Containers.N.Args.N" -> "str". Types: str, int, float, bool.
const std::map<std::string, std::map<std::string, std::string>>& AcceptedFields();

struct Complaint {
  std::string code, message;
};
// The first thing that is wrong with a body; an empty code: nothing.
Complaint CheckFields(const std::string& api, const Json& body);

}  // namespace spillway::emulators::eksci
