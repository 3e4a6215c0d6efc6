#include "cloud/pod_files.h"

#include <algorithm>

namespace spillway::cloud {
namespace {
constexpr std::size_t kLongestPath = 4096, kLongestName = 255;
}  // namespace

bool IsSafePath(std::string_view path) {
  if (path.empty() || path.size() > kLongestPath || path.find('\0') != std::string_view::npos) return false;
  if (path.starts_with("..")) return false;
  for (;;) {
    const auto slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    if (name.empty() || name == "." || name == ".." || name.size() > kLongestName) return false;
    if (slash == path.size()) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace spillway::cloud
