#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/context.h"
#include "cloud/agent/pod_events.h"
#include "cloud/agent/pod_volumes.h"
#include "cloud/json.h"

namespace spillway::cloud {

// Brings what has changed of a running Pod's files to its instance: once a minute, and soon after its labels or
// annotations have changed, which its files may show. Loop thread only.
class FileRefresher {
 public:
  struct Target {
    Json pod;
    std::string instance_id;
  };
  // `target`: what runs of the Pod; none: nothing does. All outlive it.
  FileRefresher(AgentContext& context, PodEvents& events, std::function<std::optional<Target>()> target);

  // Whether `pod` has such files, and the provider can change them.
  static bool IsNeeded(AgentContext& context, const Json& pod);

  // Those that its files hold, as far as they are known.
  void SetTokens(Tokens tokens) { tokens_ = std::move(tokens); }
  void OnRenamed() { renamed_.Notify(); }

 private:
  Task<void> Run();
  Task<void> Refresh(Target target);

  AgentContext& context_;
  PodEvents& events_;
  std::function<std::optional<Target>()> target_;
  Tokens tokens_;
  std::size_t hash_ = 0;  // of the files that the instance has; 0: not known
  Signal renamed_;
  TaskScope flow_;
};

}  // namespace spillway::cloud
