#include "cloud/agent/market_watch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"

namespace spillway::cloud {
namespace {
constexpr Duration kLongestMarketPause = 10min;
}  // namespace

MarketWatch::MarketWatch(AgentContext& context, std::function<void()> on_news)
    : context_(context), on_news_(std::move(on_news)), flows_(context.runtime) {}

void MarketWatch::Start() {
  if (context_.provider.has_market()) flows_.Spawn(Keep());
}

Task<void> MarketWatch::Keep() {
  RetryPauses pauses(context_, kLongestMarketPause);
  bool is_told = false;
  for (;;) {
    const Instant asked_at = context_.runtime.Now();
    const CloudStatus asked = co_await context_.provider.RefreshMarket();
    context_.observer.OnOperation("market", asked ? std::nullopt : std::optional<Refusal>(asked.error().refusal),
                                  context_.runtime.Now() - asked_at);
    on_news_();  // some of it may have been had
    if (asked) {
      is_told = false;
      pauses.Reset();
      co_await context_.runtime.SleepFor(context_.options.market_interval);
      continue;
    }
    if (!is_told) {
      log::Warning("cannot ask the cloud for prices and stock; instances are made all the same",
                   {{"node", context_.options.node_name}, {"why", ToString(asked.error())}});
    }
    is_told = true;
    co_await context_.runtime.SleepFor(std::max(pauses.Next(), asked.error().error.retry_after));
  }
}

}  // namespace spillway::cloud
