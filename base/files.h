#pragma once

#include <string>

#include "base/result.h"

namespace spillway::base {

// The whole of a file that an operator names (symbolic links are followed), or "<path>: <why not>".
Result<std::string> ReadFile(const std::string& path);

}  // namespace spillway::base
