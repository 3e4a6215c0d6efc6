#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

// An instance of a cloud that runs nothing, as a function of the clock: what was asked for, what was drawn at its
// creation, and what befell it decide how it looks at any moment.
namespace spillway::emulators {

// How a container behaves, read from its command: "sleep 5; exit 3" runs for 5 s and ends with 3; one that prints ends
// at once; a command with none of these, and "sleep infinity", runs on; of an init container it ends at once. Nothing
// is executed.
struct ContainerPlan {
  std::string name, image;
  std::optional<Duration> run_for;  // absent: runs on
  int exit_code = 0;
  Duration line_every = std::chrono::seconds(1);  // of its log
};
ContainerPlan PlanOf(std::string name, std::string image, const std::string& command, bool is_init);
// The variable of a container's environment that says how often it writes a line.
inline constexpr const char* kLogEvery = "LOG_EVERY_MS";
void SetLogEvery(ContainerPlan& plan, const std::string& milliseconds);

struct Life {
  std::string restart_policy = "Always";
  std::vector<ContainerPlan> init_containers, containers;
  WallTime created_at{};
  Duration schedule_after{0}, start_after{0};  // both from the creation
  bool lacks_stock = false;                    // seen after schedule_after
  std::optional<WallTime> reclaimed_at, deleted_at;
  Duration stop_after{0};
};

// One run of one container, at one moment.
struct RunView {
  enum class Kind : std::uint8_t { kWaiting, kRunning, kTerminated } kind = Kind::kWaiting;
  std::string reason;
  WallTime started_at{}, finished_at{};
  int exit_code = 0, restarts = 0;
  std::optional<std::pair<WallTime, WallTime>> previous;  // the run before: start, end
};

struct LifeView {
  enum class Stage : std::uint8_t {
    kScheduling,
    kNoStock,  // for good
    kStarting,
    kRunning,
    kSucceeded,
    kFailed,
    kReclaimed,
    kStopping,
  } stage = Stage::kScheduling;
  std::vector<RunView> init_containers, containers;
  WallTime changed_at{};  // the last time at which it began to look different
  std::optional<WallTime> ended_at;
  bool is_gone = false;
};
LifeView ViewAt(const Life& life, WallTime now);

struct LogQuery {
  std::string container;
  std::size_t tail = 500, limit_bytes = 1u << 20;
  std::optional<WallTime> since;
  bool timestamps = false, previous = false;
};
// The log that a container would have written: a first line, then one every so often.
std::string LogText(const ContainerPlan& plan, const RunView& run, const LogQuery& query, WallTime now);

}  // namespace spillway::emulators
