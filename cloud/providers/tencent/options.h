#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/time.h"
#include "cloud/providers/rest/zone_rotation.h"

namespace spillway::cloud::tencent {

// Where and how instances are made, as --eksci-* flags and the environment say.
struct Options {
  std::string region;  // "ap-guangzhou"
  std::string vpc;
  std::vector<rest::Subnet> subnets;  // at least one
  rest::ZoneRotation::Strategy strategy = rest::ZoneRotation::Strategy::kOrdered;
  std::vector<std::string> security_groups;  // at least one
  std::string cpu_type;                      // "intel", "amd", "amd,intel" in order; empty: whichever there is
  std::string role;                          // CAM role that programs in the instances have; empty: none

  std::string host;        // of the service, with its port when it is not 443; goes into signatures
  double limit_share = 1;  // of the account's rate limits

  Duration poll_busy = std::chrono::seconds(1);  // while an instance is on its way
  Duration poll_quiet = std::chrono::seconds(5);
  // Of all that may be asked, what polls take at most, however many instances there are.
  double busy_share = 0.25, quiet_share = 0.08;
  // How late a create that got no answer may still show an instance.
  Duration shown_late = std::chrono::seconds(10);
  // How long a place may be looked for in vain, as events tell, before another one is tried.
  Duration placing = std::chrono::seconds(60);
};

// What is documented, read on 2026-11-30.
inline constexpr double kCallsPerSecond = 20;  // of each API, per account
inline constexpr std::size_t kMaxName = 60;
inline constexpr std::size_t kDescribePage = 100, kDeleteBatch = 20, kMaxEvents = 100;
// Ports that the cloud's own agents have inside an instance.
inline constexpr int kFirstReservedPort = 61000, kLastReservedPort = 65534;

}  // namespace spillway::cloud::tencent
