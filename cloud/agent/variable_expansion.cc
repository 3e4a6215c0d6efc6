#include "cloud/agent/variable_expansion.h"

namespace spillway::cloud {

std::string Expand(std::string_view text,
                   const std::function<std::optional<std::string>(std::string_view name)>& lookup) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '$' || at + 1 >= text.size()) {
      out += text[at];
      continue;
    }
    const char next = text[++at];
    if (next == '$') {
      out += '$';
      continue;
    }
    const auto close = next == '(' ? text.find(')', at) : std::string_view::npos;
    if (close == std::string_view::npos) {
      out += '$';
      out += next;
      continue;
    }
    const std::string_view name = text.substr(at + 1, close - at - 1);
    const auto value = lookup(name);
    out += value ? *value : std::string("$(") + std::string(name) + ")";
    at = close;
  }
  return out;
}

}  // namespace spillway::cloud
