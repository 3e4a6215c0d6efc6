#include "base/text.h"

namespace spillway::base {

std::string Cut(std::string text, std::size_t limit, std::string_view ending) {
  if (text.size() <= limit) return text;
  std::size_t keep = limit - ending.size();
  while (keep > 0 && (static_cast<unsigned char>(text[keep]) & 0xC0) == 0x80) --keep;
  text.resize(keep);
  return text.append(ending);
}

}  // namespace spillway::base
