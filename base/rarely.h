#pragma once

#include <string_view>

#include "base/runtime.h"

namespace spillway::base {

// False, but for a process of a simulation whose seed wants it otherwise (SimProcess): makes a branch that is rarely
// taken (a queue that is full, a plan that is void) be taken now and then. It must be one that may be taken at any
// time. `where` names the place: "events: queue full". Loop thread only.
bool Rarely(Runtime& runtime, std::string_view where);

}  // namespace spillway::base

namespace spillway {
using base::Rarely;
}  // namespace spillway
