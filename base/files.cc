#include "base/files.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace spillway::base {

Result<std::string> ReadFile(const std::string& path) {
  const auto fail = [&] { return Fail(Code::kInvalidArgument, fmt::format("{}: {}", path, std::strerror(errno))); };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) return fail();
  std::string text;
  char buffer[65536];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, file.get())) text.append(buffer, size);
  if (std::ferror(file.get())) return fail();
  return text;
}

}  // namespace spillway::base
