// What the API server and the user hear about a Pod.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "cloud/agent/billing.h"
#include "cloud/agent/client_token.h"
#include "cloud/agent/pod_lifecycle.h"
#include "cloud/agent/pod_updates.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {

constexpr Duration kTurnKept = 1s;  // a turn not used by then is lost

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

// A patch that names another UID than the Pod's is no conflict to kube-apiserver, but invalid.
bool IsReplaced(const Error& error) {
  return std::any_of(error.causes.begin(), error.causes.end(),
                     [](const auto& cause) { return cause.field == "metadata.uid"; });
}

}  // namespace

void PodLifecycle::Take(Json pod) {
  if (TextAt(pod, "metadata", "uid") != uid_ || IsOlder(pod, pod_)) return;
  const RequestNote before = NoteOn(pod_);
  pod_ = std::move(pod);
  ReadFacts();
  if (const RequestNote noted = NoteOn(pod_); noted != before && noted != to_note_) OnOthersNote(noted);
  // To the controller and to kube-scheduler its place is free, whoever ended it, however long its instance takes to go.
  if (IsTerminalPhase(TextAt(pod_, "status", "phase"))) host_.admission().Release(uid_);
}

// Another agent of this name was about to ask for an instance, and may have got it.
void PodLifecycle::OnOthersNote(const RequestNote& noted) {
  may_have_created_ = true;
  if (noted.generation <= generation_) return;
  generation_ = noted.generation;
  frozen_.reset();
}

void PodLifecycle::ReadFacts() {
  version_ = TextAt(pod_, "metadata", "resourceVersion");
  started_at_ = base::ParseRfc3339(TextAt(pod_, "status", "startTime"));
  is_deletion_asked_ = !At(pod_, "metadata", "deletionTimestamp").is_null();
}

std::optional<PodLifecycle::Wait> PodLifecycle::UntilTurn() {
  if (!host_.is_in_charge()) return Wait{kFenced};
  const Instant now = context_.runtime.Now();
  if (!turn_ || now > *turn_ + kTurnKept) turn_ = context_.api.TakePodTurn();
  if (*turn_ > now) return Wait{*turn_ - now};
  return std::nullopt;
}

std::optional<PodLifecycle::Wait> PodLifecycle::TakeTurn() {
  const auto wait = UntilTurn();
  if (!wait) turn_.reset();
  return wait;
}

Task<std::optional<PodLifecycle::Wait>> PodLifecycle::Report() {
  if (pod_gone_) co_return std::nullopt;
  const StatusInputs inputs{last_ ? &*last_ : instance(),
                            remark_,
                            HostIp(),
                            context_.runtime.WallNow(),
                            WhyNoEphemeralContainers(context_.provider.name()),
                            UnmetResize()};
  const Json wanted = PodStatus(pod_, inputs);
  const Json before = At(pod_, "status");
  const bool is_noted = !to_note_ || *to_note_ == NoteOn(pod_);
  if (is_noted && Covers(before, wanted)) {
    settled_ = true;
    last_.reset();
    failed_reports_ = 0;
    report_pauses_.Reset();
    co_return std::nullopt;
  }
  if (const auto wait = TakeTurn()) co_return wait;

  Json patch;
  // Preconditions: never a successor of the same name, and nothing over what has not been seen yet, above all an end
  // that somebody else has written.
  patch["metadata"]["uid"] = uid_;
  patch["metadata"]["resourceVersion"] = TextAt(pod_, "metadata", "resourceVersion");
  if (!is_noted) {
    patch["metadata"]["annotations"] = NoteAnnotations(*to_note_, uid_);
    patch["metadata"]["annotations"].update(BillAnnotations(BillOf(context_.provider, context_.options, pod_)));
  }
  patch["status"] = StatusPatch(wanted);
  const std::string path = kube::PodPath(namespace_, name_, "status");
  Result<Json> sent = co_await context_.api.pods().StrategicPatch(path, std::move(patch));
  if (!sent) {
    // The Pod is gone, or was replaced: the watch will say so.
    if (sent.error().code == Code::kNotFound || IsReplaced(sent.error())) co_return std::nullopt;
    if (sent.error().code == Code::kConflict && co_await IsGoneThere()) co_return std::nullopt;
    ++failed_reports_;
    const bool is_told = context_.api.pods().health().is_out() || sent.error().code == Code::kConflict;
    if (!is_told) {  // kube::ServerHealth tells of an API server that does not answer
      log::Warning("cannot report a Pod's status", {{"pod", name_}, {"why", sent.error().message}});
    }
    co_return Wait{std::max(report_pauses_.Next(), sent.error().retry_after)};
  }
  failed_reports_ = 0;
  events_.TellContainers(pod_, before, wanted);
  Take(*std::move(sent));
  settled_ = true;
  report_pauses_.Reset();
  co_return std::nullopt;
}

Task<bool> PodLifecycle::IsGoneThere() {
  Result<Json> there = co_await context_.api.reads().Get(kube::PodPath(namespace_, name_));
  if (!there) co_return there.error().code == Code::kNotFound;
  const bool is_replaced = TextAt(*there, "metadata", "uid") != uid_;
  Take(*std::move(there));
  co_return is_replaced;
}

void PodLifecycle::TellUnmetUpdates() {
  if (!instance_ || ShouldEnd() || HasEnded(*instance_)) return;
  events_.WarnOfUnmet(pod_, UnmetUpdates(made_with_.get(), pod_, context_.provider.name()));
}

std::optional<PendingResize> PodLifecycle::UnmetResize() const {
  if (!instance_ || HasEnded(*instance_)) return std::nullopt;
  std::string message = events_.WhyNotResized();
  if (message.empty()) return std::nullopt;
  return PendingResize{std::move(message), At(made_with_.get(), "resources")};
}

}  // namespace spillway::cloud
