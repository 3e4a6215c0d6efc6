#include "cmd/flags/output_flags.h"

#include <fmt/core.h>

DEFINE_string(o, "table", "Output: table, or json (the machine's contract).");

namespace spillway::cmd {

Result<bool> WantsJson() {
  if (FLAGS_o == "json" || FLAGS_o == "table") return FLAGS_o == "json";
  return Fail(Code::kInvalidArgument, fmt::format("-o={}: want table or json", FLAGS_o));
}

}  // namespace spillway::cmd
