// What the API server and the user hear about a Pod.
#include <charconv>
#include <utility>

#include "base/log.h"
#include "cloud/agent/pod_lifecycle.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {

// resourceVersions grow within one resource and may be compared (documented since 1.35); an odd one counts as newest.
bool IsOlder(const Json& a, const Json& b) {
  const std::string left = TextAt(a, "metadata", "resourceVersion"), right = TextAt(b, "metadata", "resourceVersion");
  std::uint64_t x = 0, y = 0;
  const auto read = [](const std::string& text, std::uint64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
  };
  return read(left, x) && read(right, y) && x < y;
}

}  // namespace

void PodLifecycle::Take(Json pod) {
  if (TextAt(pod, "metadata", "uid") != uid_ || IsOlder(pod, pod_)) return;
  pod_ = std::move(pod);
}

Task<Status> PodLifecycle::Report() {
  if (pod_gone_) co_return Status();
  const StatusInputs inputs{instance(), remark_, context_.options.internal_ip, context_.runtime.WallNow()};
  Json wanted = PodStatus(pod_, inputs);
  const bool is_terminal_there = IsTerminalPhase(TextAt(pod_, "status", "phase"));
  if (terminal_status_ && !is_terminal_there) wanted = *terminal_status_;
  const Json before = At(pod_, "status");
  if (Covers(before, wanted)) {
    settled_ = true;
    report_pauses_.Reset();
    co_return Status();
  }

  Json patch;
  patch["metadata"]["uid"] = uid_;  // a precondition: never a successor of the same name
  patch["status"] = wanted;
  const std::string path =
      kube::PodPath(TextAt(pod_, "metadata", "namespace"), TextAt(pod_, "metadata", "name"), "status");
  Result<Json> sent = co_await context_.client.StrategicPatch(path, std::move(patch));
  if (!sent) {
    // The Pod is gone: the watch will say so. A conflict may mean that it was replaced, and then the watch ends this
    // flow; or that somebody else wrote at the same time, and then nobody but us will try again.
    if (sent.error().code == Code::kNotFound) co_return Status();
    log::Warning("cannot report a Pod's status",
                 {{"pod", TextAt(pod_, "metadata", "name")}, {"why", sent.error().message}});
    co_return Fail(std::move(sent).error());
  }
  if (IsTerminalPhase(TextAt(wanted, "phase"))) terminal_status_ = wanted;
  RecordContainerEvents(before, wanted);
  Take(*std::move(sent));
  settled_ = true;
  report_pauses_.Reset();
  co_return Status();
}

void PodLifecycle::RecordContainerEvents(const Json& before, const Json& after) {
  for (ContainerEvent& event : ContainerEvents(pod_, before, after)) {
    const bool is_first_run = event.reason == "Created" &&
                              Integer(At(Named(At(after, "containerStatuses"), event.container), "restartCount")) == 0;
    if (is_first_run && context_.provider.pulls_images()) {
      const std::string image = TextAt(Named(At(pod_, "spec", "containers"), event.container), "image");
      if (!image.empty()) Record(false, "Pulled", "Successfully pulled image \"" + image + "\"", event.container);
    }
    Record(event.is_warning, std::move(event.reason), std::move(event.message), event.container);
  }
}

void PodLifecycle::Record(bool is_warning, std::string reason, std::string note, std::string action) {
  kube::Event event;
  event.regarding.kind = "Pod";
  event.regarding.ns = TextAt(pod_, "metadata", "namespace");
  event.regarding.name = TextAt(pod_, "metadata", "name");
  event.regarding.uid = uid_;
  event.type = is_warning ? kube::Event::Type::kWarning : kube::Event::Type::kNormal;
  event.reason = std::move(reason);
  event.action = std::move(action);
  event.note = std::move(note);
  context_.events.Record(std::move(event));
}

void PodLifecycle::RecordOnce(bool is_warning, std::string reason, std::string note, std::string action) {
  if (!recorded_.insert(reason).second) return;
  Record(is_warning, std::move(reason), std::move(note), std::move(action));
}

}  // namespace spillway::cloud
