#include "cloud/agent/pod_events.h"

#include <fmt/core.h>

#include <utility>

#include "cloud/agent/pod_status.h"

namespace spillway::cloud {
namespace {
constexpr auto kNormal = kube::Event::Type::kNormal, kWarning = kube::Event::Type::kWarning;
}  // namespace

PodEvents::PodEvents(AgentContext& context, const std::string& ns, const std::string& name, const std::string& uid)
    : context_(context), ns_(ns), name_(name), uid_(uid), known_since_(context.runtime.WallNow()) {}

void PodEvents::Tell(std::string reason, std::string note, std::string action) {
  Record(kNormal, std::move(reason), std::move(note), std::move(action));
}

void PodEvents::Warn(std::string reason, std::string note, std::string action) {
  Record(kWarning, std::move(reason), std::move(note), std::move(action));
}

void PodEvents::WarnOnce(std::string reason, std::string note, std::string action) {
  if (warned_.insert(reason).second) Warn(std::move(reason), std::move(note), std::move(action));
}

void PodEvents::TellContainers(const Json& pod, const Json& before, const Json& after) {
  for (ContainerEvent& event : ContainerEvents(pod, before, after)) {
    const bool is_first_run = event.reason == "Created" &&
                              Integer(At(Named(At(after, "containerStatuses"), event.container), "restartCount")) == 0;
    if (is_first_run && context_.provider.pulls_images()) {
      const std::string image = TextAt(Named(At(pod, "spec", "containers"), event.container), "image");
      if (!image.empty()) Tell("Pulled", "Successfully pulled image \"" + image + "\"", event.container);
    }
    Record(event.is_warning ? kWarning : kNormal, std::move(event.reason), std::move(event.message), event.container);
  }
}

void PodEvents::Relay(const std::vector<InstanceEvent>& events) {
  for (const InstanceEvent& event : events) {
    int& told = relayed_[event.container + '\n' + event.reason + '\n' + event.message];
    const bool is_news = event.count > told && event.last_at >= known_since_;
    told = event.count;
    // The first word of the message tells a failed readiness probe from a failed liveness probe.
    const std::string action = event.container + "." + event.message.substr(0, event.message.find(' '));
    if (is_news) Record(event.is_warning ? kWarning : kNormal, event.reason, event.message, action);
  }
  if (events.empty()) relayed_.clear();
}

void PodEvents::WarnOfUnmet(const Json& pod, const std::vector<UnmetUpdate>& unmet) {
  const std::string action = fmt::format("UpdatingInstance.{}", Integer(At(pod, "metadata", "generation")));
  for (const UnmetUpdate& update : unmet) {
    if (!unmet_.contains(update)) Warn(update.reason, update.message, action);
  }
  unmet_ = {unmet.begin(), unmet.end()};
}

std::string PodEvents::WhyNotResized() const {
  std::string why;
  for (const UnmetUpdate& update : unmet_) {
    if (update.reason == kResizeInfeasible) why += (why.empty() ? "" : ". ") + update.message;
  }
  return why;
}

void PodEvents::Record(kube::Event::Type type, std::string reason, std::string note, std::string action) {
  kube::Event event;
  event.regarding.kind = "Pod";
  event.regarding.ns = ns_;
  event.regarding.name = name_;
  event.regarding.uid = uid_;
  event.type = type;
  event.reason = std::move(reason);
  event.action = std::move(action);
  event.note = std::move(note);
  context_.events.Record(std::move(event));
}

}  // namespace spillway::cloud
