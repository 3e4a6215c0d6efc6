#include "cloud/agent/pod_updates.h"

#include <fmt/core.h>

#include <set>

namespace spillway::cloud {
namespace {

constexpr const char* kContainerLists[] = {"initContainers", "containers"};

std::string Shown(const Json& value) {
  return value.is_null() ? "none" : value.is_string() ? Text(value) : value.dump();
}

// "requests.cpu 2, not 1": each difference, what the instance has first.
std::string Differences(const Json& made_with, const Json& wanted) {
  std::string text;
  for (const char* kind : {"requests", "limits"}) {
    std::set<std::string> names;
    for (const Json* side : {&made_with, &wanted}) {
      for (const auto& [name, amount] : Members(At(*side, kind)).items()) names.insert(name);
    }
    for (const std::string& name : names) {
      const Json& has = At(made_with, kind, name);
      const Json& asked = At(wanted, kind, name);
      if (has == asked) continue;
      text += fmt::format("{}{}.{} {}, not {}", text.empty() ? "" : "; ", kind, name, Shown(has), Shown(asked));
    }
  }
  return text;
}

UnmetUpdate NoResize(std::string_view provider, const std::string& whose, const std::string& differences) {
  return {kResizeInfeasible,
          fmt::format("The provider {} cannot resize an instance: {} goes on with {}; delete the Pod "
                      "to have it run with the new resources",
                      provider, whose, differences)};
}

UnmetUpdate NoNewImage(std::string_view provider, const std::string& name, const std::string& has,
                       const std::string& asked) {
  return {"ImageChangeNotSupported",
          fmt::format("The provider {} cannot change the image of a container that is there: {} "
                      "goes on with {}, not {}; delete the Pod to have it run that",
                      provider, name, has, asked)};
}

}  // namespace

Json UpdatableParts(const Json& pod) {
  Json parts = {{"images", Json::object()}, {"resources", Json::object()}, {"pod", At(pod, "spec", "resources")}};
  for (const char* list : kContainerLists) {
    for (const Json& container : Items(At(pod, "spec", list))) {
      const std::string name = TextAt(container, "name");
      parts["images"][name] = TextAt(container, "image");
      if (!Members(At(container, "resources")).empty()) parts["resources"][name] = At(container, "resources");
    }
  }
  return parts;
}

Json MadeWith(const Json& pod) {
  Json parts = UpdatableParts(pod);
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const Json& status : Items(At(pod, "status", list))) {
      if (status.contains("resources")) parts["resources"][TextAt(status, "name")] = status["resources"];
    }
  }
  return parts;
}

std::vector<UnmetUpdate> UnmetUpdates(const Json& made_with, const Json& pod, std::string_view provider) {
  std::vector<UnmetUpdate> unmet;
  const Json wanted = UpdatableParts(pod);
  for (const auto& [name, image] : wanted["images"].items()) {
    const std::string has = TextAt(made_with, "images", name);
    if (!has.empty() && has != Text(image)) unmet.push_back(NoNewImage(provider, name, has, Text(image)));
    const std::string differences = Differences(At(made_with, "resources", name), At(wanted, "resources", name));
    if (!differences.empty()) unmet.push_back(NoResize(provider, name, differences));
  }
  const std::string differences = Differences(At(made_with, "pod"), wanted["pod"]);
  if (!differences.empty()) unmet.push_back(NoResize(provider, "the Pod", differences));
  for (const Json& container : Items(At(pod, "spec", "ephemeralContainers"))) {
    unmet.push_back({kNoEphemeralContainers, fmt::format("{}: {} does not start", WhyNoEphemeralContainers(provider),
                                                         TextAt(container, "name"))});
  }
  return unmet;
}

std::string WhyNoEphemeralContainers(std::string_view provider) {
  return fmt::format("The provider {} cannot add a container to an instance", provider);
}

}  // namespace spillway::cloud
