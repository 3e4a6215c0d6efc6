#include "tests/simulation/policies.h"

#include <fmt/core.h>

#include <algorithm>

namespace spillway::simulation {
namespace {

constexpr Duration kTakesHold = std::chrono::seconds(1);

bool HasLeftBy(const BindRecord& bind, Instant when) {
  return (bind.deleted && *bind.deleted <= when) || (bind.ended && *bind.ended <= when);
}

std::int64_t Overflowed(const std::vector<BindRecord>& binds, const BindRecord& now, Instant known_until) {
  return std::count_if(binds.begin(), binds.end(), [&](const BindRecord& bind) {
    if (bind.uid == now.uid) return true;
    return bind.onto_virtual && bind.when <= known_until && !HasLeftBy(bind, now.when);
  });
}

}  // namespace

Policies::Rules Policies::MostLenient(Instant from, Instant until) const {
  Rules lenient{.enforces = timeline_.empty() || timeline_.front().from > from, .most = std::nullopt};
  std::optional<std::int64_t> most = lenient.enforces ? std::nullopt : std::optional<std::int64_t>(0);
  for (std::size_t i = 0; i < timeline_.size(); ++i) {
    const bool is_over = i + 1 < timeline_.size() && timeline_[i + 1].from <= from;
    if (is_over || timeline_[i].from > until) continue;
    const Rules& rules = timeline_[i].rules;
    lenient.enforces = lenient.enforces || rules.enforces;
    if (most) most = rules.most ? std::optional(std::max(*most, *rules.most)) : std::nullopt;
  }
  lenient.most = most;
  return lenient;
}

std::vector<Wrong> Policies::Judge(const std::vector<BindRecord>& binds) const {
  std::vector<Wrong> wrong;
  if (timeline_.empty()) return wrong;
  for (const BindRecord& bind : binds) {
    if (bind.decision.empty()) continue;
    const Rules rules = MostLenient(bind.when - kTakesHold - bind.lag, bind.when);
    if (!rules.enforces) {
      wrong.push_back({"no-bind-when-off", fmt::format("{} was bound to {}", bind.key, bind.node)});
    }
    const std::int64_t overflowed = Overflowed(binds, bind, bind.when - bind.lag);
    if (rules.most && overflowed > *rules.most) {
      wrong.push_back({"caps-hold", fmt::format("{} was bound to {} as number {} of at most {}", bind.key, bind.node,
                                                overflowed, *rules.most)});
    }
  }
  return wrong;
}

}  // namespace spillway::simulation
