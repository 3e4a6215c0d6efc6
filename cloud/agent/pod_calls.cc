// A lifecycle's calls for what its Pod refers to.
#include "cloud/agent/pod_lifecycle.h"

namespace spillway::cloud {

void PodLifecycle::Observe(std::string_view operation, std::optional<Refusal> refusal, Instant since) {
  context_.observer.OnOperation(operation, refusal, context_.runtime.Now() - since);
}

std::string PodLifecycle::HostIp() const {
  const std::string recorded = TextAt(pod_, "status", "hostIP");
  return recorded.empty() ? context_.options.internal_ip : recorded;
}

Task<InputResult<ResolvedRequest>> PodLifecycle::Resolve() {
  auto resolved = co_await ResolveRequest(context_, pod_, HostIp());
  if (!resolved) co_return tl::unexpected(std::move(resolved).error());
  for (InputNotice& notice : resolved->notices) {
    RecordOnce(true, std::move(notice.reason), std::move(notice.message), "ResolvingEnvironment");
  }
  co_return resolved;
}

}  // namespace spillway::cloud
