#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace spillway::cmd {

// The answer of `spillway explain` (controller/explain_json.h) for people. It may come from afar: what is missing or of
// another type is left out, and control characters never reach the terminal.
std::string ExplanationText(const nlohmann::ordered_json& answer);

}  // namespace spillway::cmd
