#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace spillway::cloud::rest {

inline constexpr double kGiB = 1024.0 * 1024 * 1024;

// What an instance has, and is billed for.
struct InstanceSize {
  std::int64_t cpu_milli = 0, memory_bytes = 0;
  bool operator==(const InstanceSize&) const = default;
};

// The sizes that a cloud sells. What lies between them it rounds up, and bills as rounded.
struct SizeTable {
  std::string as_of;                // the day it was read from the cloud's documents
  std::vector<InstanceSize> sizes;  // by CPU, then memory

  // The smallest that holds both: least CPU, then least memory. None: it is larger than all of them.
  std::optional<InstanceSize> RoundUp(std::int64_t cpu_milli, std::int64_t memory_bytes) const;
};

// {1000, {2, 4, 8}}: 1 vCPU is sold with 2, 4 or 8 GiB.
struct SizeRow {
  std::int64_t cpu_milli = 0;
  std::vector<double> memory_gib;
};
SizeTable TableOf(std::string as_of, const std::vector<SizeRow>& rows);

}  // namespace spillway::cloud::rest
