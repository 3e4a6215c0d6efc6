#include <fmt/core.h>

#include <optional>
#include <utility>

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

// Source: kubelet images/image_manager.go, v1.36.
std::optional<ContainerEvent> ImageEvent(const std::string& name, const std::string& image, const std::string& waits,
                                         const std::string& why) {
  if (waits == "ImagePullBackOff") {
    return ContainerEvent{true, name, "BackOff", fmt::format("Back-off pulling image \"{}\"", image)};
  }
  if (waits == "ErrImagePull") {
    return ContainerEvent{true, name, "Failed", fmt::format("Failed to pull image \"{}\": {}", image, why)};
  }
  if (waits == "InvalidImageName") {
    return ContainerEvent{true, name, "InspectFailed",
                          fmt::format("Failed to apply default image tag \"{}\": {}", image, why)};
  }
  return std::nullopt;
}

// Created, and not to be started: a run that never was.
bool FailedToStart(const Json& status) {
  return TextAt(status, "state", "terminated", "reason") == "StartError" ||
         TextAt(status, "state", "waiting", "reason") == "RunContainerError";
}

void Compare(const Json& pod, const Json& before, const Json& after, std::vector<ContainerEvent>& events) {
  const std::string name = TextAt(after, "name");
  const bool has_failed = FailedToStart(after);
  const bool was_told = has_failed ? FailedToStart(before) : Ran(before);
  const bool is_again = Integer(At(before, "restartCount")) != Integer(At(after, "restartCount"));
  if ((has_failed || Ran(after)) && (!was_told || is_again)) {
    events.push_back({false, name, "Created", fmt::format("Created container {}", name)});
    if (has_failed) {
      const Json& state = At(after, "state");
      const std::string why = TextAt(state, "terminated", "message") + TextAt(state, "waiting", "message");
      events.push_back({true, name, "Failed", fmt::format("Error: {}", why)});
    } else {
      events.push_back({false, name, "Started", fmt::format("Started container {}", name)});
    }
  }
  const std::string waits = TextAt(after, "state", "waiting", "reason");
  if (waits == TextAt(before, "state", "waiting", "reason")) return;
  auto image = ImageEvent(name, TextAt(after, "image"), waits, TextAt(after, "state", "waiting", "message"));
  if (image) events.push_back(*std::move(image));
  if (waits == "CrashLoopBackOff") {
    events.push_back(
        {true, name, "BackOff", fmt::format("Back-off restarting failed container {} in pod {}", name, PodLabel(pod))});
  } else if (waits == "ImageWithoutCommand" || waits == "CreateContainerError") {
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
