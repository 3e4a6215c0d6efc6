#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/json.h"
#include "cloud/provider.h"

namespace spillway::cloud {

// How one container of a simulated instance behaves.
struct ContainerScript {
  std::string name, image;
  bool is_init = false, is_sidecar = false;
  std::optional<Duration> run_for;  // absent: runs until deleted
  int exit_code = 0;
  Duration ready_after{0};  // after each start
};

// All that decides what a simulated instance looks like at any moment; nothing else is kept, so that an instance is a
// pure function of the clock and can be written to a file and read back.
struct InstanceScript {
  std::string id, client_token, pod_ip, restart_policy;
  InstanceIdentity identity;
  std::int64_t cpu_milli = 0, memory_bytes = 0;
  WallTime created_at{};
  Duration start_after{0};
  bool late_no_stock = false;
  std::vector<ContainerScript> containers;  // init containers first
  std::optional<WallTime> reclaimed_at;     // a spot instance taken back
  std::optional<WallTime> deleted_at;
  Duration stop_after{0};

  bool is_gone(WallTime now) const { return deleted_at && now >= *deleted_at + stop_after; }
};

// Annotations on the Pod: spillway.io/simulated-run-seconds ends its containers after that time (default: they run on),
// with spillway.io/simulated-exit-code (default 0). A malformed value counts as absent.
std::vector<ContainerScript> ContainerScriptsOf(const Json& pod);

struct InstanceView {
  Instance instance;
  std::optional<WallTime> next_change;  // when it will look different by itself
};
InstanceView ViewAt(const InstanceScript& script, WallTime now);

Json ToJson(const InstanceScript& script);
Result<InstanceScript> InstanceScriptFrom(const Json& json);

}  // namespace spillway::cloud
