#include "controller/bind_permission.h"

#include <utility>

#include "base/log.h"
#include "kube/access_review.h"
#include "kube/backoff.h"

namespace spillway::controller {
namespace {

constexpr kube::BackoffOptions kAskAgain{std::chrono::seconds(1), std::chrono::seconds(60), 0.5};
constexpr Duration kAnswer = std::chrono::seconds(1);  // how long one takes, at most, as a rule

}  // namespace

void BindPermission::Doubt(const std::string& ns) {
  if (doubted_.try_emplace(ns).second) flows_.Spawn(AskUntilAllowed(ns));
}

std::optional<Instant> BindPermission::HeldUntil(const std::string& ns) const {
  const auto found = doubted_.find(ns);
  if (found == doubted_.end() || !found->second) return std::nullopt;
  return *found->second + kAnswer;
}

Task<void> BindPermission::AskUntilAllowed(std::string ns) {
  kube::Backoff backoff(kAskAgain, runtime_.random().Fork());
  for (;;) {
    kube::Access access{.verb = "create", .resource = "pods", .subresource = "binding", .ns = ns};
    const Result<bool> may = co_await kube::MayI(client_, std::move(access));
    std::optional<Instant>& held = doubted_[ns];
    const bool refused = may && !*may;
    if (!refused && (may || !held)) break;  // without an answer all stays as it is
    if (!held) {
      log::Error("may not bind Pods in this namespace; nothing there can overflow until it is allowed",
                 {{"namespace", ns}, {"needs", "create on pods/binding"}, {"see", "docs/security.md#rbac"}});
    }
    const Duration pause = backoff.Next();
    held = runtime_.Now() + pause;
    co_await runtime_.SleepFor(pause);
  }
  if (doubted_[ns]) log::Info("may bind Pods in this namespace now", {{"namespace", ns}});
  doubted_.erase(ns);
}

}  // namespace spillway::controller
