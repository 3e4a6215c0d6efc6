#include "cloud/providers/rest/sizes.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace spillway::cloud::rest {

std::optional<InstanceSize> SizeTable::RoundUp(std::int64_t cpu_milli, std::int64_t memory_bytes) const {
  const auto found = std::find_if(sizes.begin(), sizes.end(), [&](const InstanceSize& size) {
    return size.cpu_milli >= cpu_milli && size.memory_bytes >= memory_bytes;
  });
  return found == sizes.end() ? std::nullopt : std::optional(*found);
}

SizeTable TableOf(std::string as_of, const std::vector<SizeRow>& rows) {
  SizeTable table;
  table.as_of = std::move(as_of);
  for (const SizeRow& row : rows) {
    for (const double gib : row.memory_gib) {
      table.sizes.push_back({row.cpu_milli, static_cast<std::int64_t>(gib * kGiB)});
    }
  }
  std::sort(table.sizes.begin(), table.sizes.end(), [](const InstanceSize& a, const InstanceSize& b) {
    return std::tie(a.cpu_milli, a.memory_bytes) < std::tie(b.cpu_milli, b.memory_bytes);
  });
  return table;
}

}  // namespace spillway::cloud::rest
