#include <fmt/core.h>

#include "cloud/agent/pod_status.h"

namespace spillway::cloud {
namespace {

std::string PodLabel(const Json& pod) {
  return fmt::format("{}_{}({})", TextAt(pod, "metadata", "name"), TextAt(pod, "metadata", "namespace"),
                     TextAt(pod, "metadata", "uid"));
}

bool Ran(const Json& status) {
  return !At(status, "state", "running").is_null() || !At(status, "state", "terminated").is_null();
}

void Compare(const Json& pod, const Json& before, const Json& after, std::vector<ContainerEvent>& events) {
  const std::string name = TextAt(after, "name");
  const bool is_new_run =
      Ran(after) && (!Ran(before) || Integer(At(before, "restartCount")) != Integer(At(after, "restartCount")));
  const std::string ended = TextAt(after, "state", "terminated", "reason");
  if (is_new_run && ended != "StartError") {
    events.push_back({false, name, "Created", fmt::format("Created container {}", name)});
    events.push_back({false, name, "Started", fmt::format("Started container {}", name)});
  }
  if (ended == "StartError" && TextAt(before, "state", "terminated", "reason") != "StartError") {
    events.push_back({true, name, "Failed", fmt::format("Error: {}", TextAt(after, "state", "terminated", "message"))});
  }
  const std::string waits = TextAt(after, "state", "waiting", "reason");
  if (waits == TextAt(before, "state", "waiting", "reason")) return;
  if (waits == "CrashLoopBackOff") {
    events.push_back(
        {true, name, "BackOff", fmt::format("Back-off restarting failed container {} in pod {}", name, PodLabel(pod))});
  } else if (waits == "ImageWithoutCommand" || waits == "CreateContainerError" || waits == "RunContainerError") {
    events.push_back({true, name, "Failed", fmt::format("Error: {}", TextAt(after, "state", "waiting", "message"))});
  }
}

}  // namespace

std::vector<ContainerEvent> ContainerEvents(const Json& pod, const Json& before, const Json& after) {
  std::vector<ContainerEvent> events;
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const Json& status : Items(At(after, list))) {
      Compare(pod, Named(At(before, list), TextAt(status, "name")), status, events);
    }
  }
  return events;
}

}  // namespace spillway::cloud
