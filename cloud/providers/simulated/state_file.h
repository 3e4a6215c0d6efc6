#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "cloud/providers/simulated/cloud.h"

namespace spillway::cloud {

// Keeps a SimulatedCloud's instances in a file while a process runs it, so that they outlive the process as those of a
// real cloud would. Written a few milliseconds after each change, before an agent can have heard of it at the default
// latency.
class SimulatedStateFile {
 public:
  // Loads `path` if it is there. The cloud outlives the file.
  static Result<std::unique_ptr<SimulatedStateFile>> Open(Runtime& runtime, SimulatedCloud& cloud, std::string path);
  ~SimulatedStateFile();

 private:
  SimulatedStateFile(Runtime& runtime, SimulatedCloud& cloud, std::string path);
  void WriteSoon();
  void Write();

  Runtime& runtime_;
  SimulatedCloud& cloud_;
  std::string path_;
  std::optional<TimerId> timer_;
};

// The instances that a state file holds, as they are by now; whoever keeps it is not disturbed.
Result<std::vector<Instance>> ReadSimulatedInstances(Runtime& runtime, const std::string& path);

}  // namespace spillway::cloud
