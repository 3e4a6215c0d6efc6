#include "cmd/flags/output_flags.h"

#include <fmt/core.h>

DEFINE_string(o, "table", "Output: table, or json (the machine's contract).");
DEFINE_string(output, "", "Long for -o.");

namespace spillway::cmd {

Result<bool> WantsJson() {
  const std::string& output = FLAGS_output.empty() ? FLAGS_o : FLAGS_output;
  if (output == "json" || output == "table") return output == "json";
  return Fail(Code::kInvalidArgument,
              fmt::format("{}={}: want table or json", FLAGS_output.empty() ? "-o" : "--output", output));
}

}  // namespace spillway::cmd
