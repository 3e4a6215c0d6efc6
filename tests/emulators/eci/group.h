#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

// A container group as a function of the clock: what was asked for, what was drawn at its creation, and what befell it
// decide how it looks at any moment.
namespace spillway::emulators::eci {

using Json = nlohmann::json;
using ParameterMap = std::map<std::string, std::string>;  // as they came, "Container.1.Name"

// How a container behaves, read from its command: "sleep 5; exit 3" runs for 5 s and ends with 3; a command without
// sleep and exit, and "sleep infinity", runs on; of an init container it ends at once. Nothing is executed.
struct ContainerPlan {
  std::string name, image;
  std::optional<Duration> run_for;  // absent: runs on
  int exit_code = 0;
  Duration line_every = std::chrono::seconds(1);  // of its log; environment LOG_EVERY_MS
};

struct Group {
  std::string id, name, client_token, restart_policy, region, vswitch, zone, ip;
  ParameterMap parameters;
  std::map<std::string, std::string> tags;
  std::vector<ContainerPlan> init_containers, containers;
  WallTime created_at{};
  Duration schedule_after{0}, start_after{0};  // both from the creation
  bool lacks_stock = false;                    // seen after schedule_after
  std::optional<WallTime> reclaimed_at, deleted_at;
  Duration stop_after{0};
  std::string odd_status;  // told instead of what is so; empty: none
};

// One run of a container, at one moment.
struct RunView {
  enum class Kind : std::uint8_t { kWaiting, kRunning, kTerminated } kind = Kind::kWaiting;
  std::string reason;
  WallTime started_at{}, finished_at{};
  int exit_code = 0, restarts = 0;
  std::optional<std::pair<WallTime, WallTime>> previous;  // the run before: start, end
};

struct GroupView {
  std::string status;  // "Scheduling", ...
  std::string reason;  // "NoStock"
  std::vector<RunView> init_containers, containers;
  WallTime changed_at{};  // the last time at which it began to look different
  std::optional<WallTime> ended_at;
  bool is_gone = false;
};

GroupView ViewAt(const Group& group, WallTime now);

// From checked parameters.
Group MakeGroup(ParameterMap parameters);

// The value of "Container.1.Name", or "".
const std::string& At(const ParameterMap& parameters, const std::string& name);

}  // namespace spillway::emulators::eci
