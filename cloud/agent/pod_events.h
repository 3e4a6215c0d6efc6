#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cloud/agent/context.h"
#include "cloud/agent/pod_updates.h"
#include "cloud/json.h"

namespace spillway::cloud {

// What users hear of one Pod by events. `action` tells apart what is of one reason: what is equal in both becomes a
// series, which keeps its first note. Loop thread only.
class PodEvents {
 public:
  // The Pod's namespace, name and UID; all outlive it.
  PodEvents(AgentContext& context, const std::string& ns, const std::string& name, const std::string& uid);

  void Tell(std::string reason, std::string note, std::string action);
  void Warn(std::string reason, std::string note, std::string action);
  // The first time that something is said with this reason.
  void WarnOnce(std::string reason, std::string note, std::string action);

  // What has happened to the containers of `pod` between two statuses.
  void TellContainers(const Json& pod, const Json& before, const Json& after);
  // What the cloud tells of the instance, each once; nothing from before this agent.
  void Relay(const std::vector<InstanceEvent>& events);
  // All changes of `pod` that its instance does not have, each told once for as long as it stands.
  void WarnOfUnmet(const Json& pod, const std::vector<UnmetUpdate>& unmet);
  // Why it goes on with the resources that it has; empty: it asks for no others.
  std::string WhyNotResized() const;

 private:
  void Record(kube::Event::Type type, std::string reason, std::string note, std::string action);

  AgentContext& context_;
  const std::string &ns_, &name_, &uid_;
  const WallTime known_since_;
  std::set<std::string> warned_;        // reasons
  std::set<UnmetUpdate> unmet_;         // as told
  std::map<std::string, int> relayed_;  // how often each had happened
};

}  // namespace spillway::cloud
