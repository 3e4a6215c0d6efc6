#include "cmd/gates/lift.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/scope.h"
#include "base/sync.h"
#include "controller/policy/gates.h"
#include "kube/json.h"
#include "kube/paths.h"
#include "kube/release_gate.h"

namespace spillway::cmd {
namespace {

using kube::Json;

constexpr int kAtOnce = 16;
constexpr Duration kLookAgain = std::chrono::seconds(2), kGiveUpAfter = std::chrono::seconds(30);

struct GatedPod {
  kube::GateReleaseRequest release;
  WallTime created{};
};

std::optional<GatedPod> ReadGated(const Json& pod) {
  const Json& gates = kube::Items(kube::At(pod, "spec", "schedulingGates"));
  for (std::size_t i = 0; i < gates.size(); ++i) {
    if (kube::TextAt(gates[i], "name") != controller::kLocalReplicasGate) continue;
    GatedPod gated;
    gated.release = {.ns = kube::TextAt(pod, "metadata", "namespace"),
                     .name = kube::TextAt(pod, "metadata", "name"),
                     .resource_version = kube::TextAt(pod, "metadata", "resourceVersion"),
                     .gate = i,
                     .gates = gates.size()};
    gated.created = base::ParseRfc3339(kube::TextAt(pod, "metadata", "creationTimestamp")).value_or(WallTime());
    return gated;
  }
  return std::nullopt;
}

// A Pod that has changed is read again.
bool MayPass(const Error& error) { return error.code == Code::kConflict || base::IsTransient(error); }

class Lifting {
 public:
  Lifting(kube::Client& client, Duration older_than)
      : client_(client),
        runtime_(client.runtime()),
        older_than_(older_than),
        begun_(runtime_.WallNow()),
        ended_(runtime_),
        flows_(runtime_) {}

  Task<Status> Run() {
    const WallTime give_up = begun_ + older_than_ + kGiveUpAfter;
    for (;;) {
      error_.reset();
      next_.reset();
      co_await Round();
      if (!error_ && !next_) co_return Done();
      if (error_ && (!MayPass(*error_) || runtime_.WallNow() > give_up)) co_return Fail(*std::move(error_));
      const Duration wait = error_ ? error_->retry_after : Duration(*next_ - runtime_.WallNow());
      co_await runtime_.SleepFor(std::max(kLookAgain, wait));
    }
  }

 private:
  Status Done() const {
    if (lifted_ > 0) log::Warning("lifted gates that nobody else has lifted", {{"pods", lifted_}});
    return {};
  }

  // Lifts what is due. Afterwards `next_` is when one that was there at the start is, and `error_` what went wrong.
  Task<void> Round() {
    Result<std::vector<GatedPod>> gated = co_await List();
    if (!gated) {
      error_ = std::move(gated.error());
      co_return;
    }
    for (GatedPod& pod : *gated) {
      const WallTime due = pod.created + older_than_;
      if (due <= runtime_.WallNow()) {
        co_await Begin(std::move(pod.release));
      } else if (pod.created <= begun_) {
        next_ = std::min(next_.value_or(due), due);
      }
    }
    while (in_flight_ > 0) co_await ended_.Wait();
  }

  Task<Result<std::vector<GatedPod>>> List() {
    std::vector<GatedPod> gated;
    std::string next;
    do {
      std::string path = fmt::format("{}?limit=500&fieldSelector={}", kube::kPodsPath,
                                     kube::UrlEncode("spec.nodeName=,status.phase=Pending"));
      if (!next.empty()) path += "&continue=" + kube::UrlEncode(next);
      Result<Json> page = co_await client_.Get(std::move(path));
      if (!page) co_return Fail(std::move(page.error()));
      for (const Json& pod : kube::Items(kube::At(*page, "items"))) {
        if (auto found = ReadGated(pod)) gated.push_back(*std::move(found));
      }
      next = kube::TextAt(*page, "metadata", "continue");
    } while (!next.empty());
    co_return gated;
  }

  Task<void> Begin(kube::GateReleaseRequest release) {
    while (in_flight_ >= kAtOnce) co_await ended_.Wait();
    ++in_flight_;
    flows_.Spawn(Lift(std::move(release)));
  }

  Task<void> Lift(kube::GateReleaseRequest release) {
    const std::string pod = release.ns + "/" + release.name;
    Status lifted = co_await kube::ReleaseGate(client_, std::move(release));
    if (lifted) {
      ++lifted_;
    } else if (lifted.error().code != Code::kNotFound) {
      error_ = std::move(lifted.error()).Annotated(pod);
    }
    --in_flight_;
    ended_.Notify();
  }

  kube::Client& client_;
  Runtime& runtime_;
  const Duration older_than_;
  const WallTime begun_;
  int in_flight_ = 0, lifted_ = 0;
  std::optional<Error> error_;    // the last of this round
  std::optional<WallTime> next_;  // when the next is due
  Signal ended_;
  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace

Task<Status> LiftGates(kube::Client& client, Duration older_than) {
  Lifting lifting(client, older_than);
  Status done = co_await lifting.Run();
  co_return done;
}

}  // namespace spillway::cmd
