#include "cloud/providers/rest/zone_rotation.h"

#include <algorithm>
#include <utility>

namespace spillway::cloud::rest {
namespace {
constexpr Duration kFirstRest = 1min;
constexpr Duration kLongestRest = 10min;
}  // namespace

bool ZoneRotation::IsPaused(const std::string& id, Instant now) const {
  const auto pause = pauses_.find(id);
  return pause != pauses_.end() && now < pause->second.until;
}

std::vector<Subnet> ZoneRotation::Candidates(Instant now, base::Random& random) const {
  std::vector<Subnet> open;
  for (const Subnet& subnet : subnets_) {
    if (!IsPaused(subnet.id, now)) open.push_back(subnet);
  }
  if (open.empty() && !subnets_.empty()) {
    open.push_back(*std::min_element(subnets_.begin(), subnets_.end(), [&](const Subnet& a, const Subnet& b) {
      return pauses_.at(a.id).until < pauses_.at(b.id).until;
    }));
  }
  if (strategy_ == Strategy::kRandom) {
    for (std::size_t left = open.size(); left > 1; --left) std::swap(open[left - 1], open[random.Below(left)]);
  }
  return open;
}

void ZoneRotation::OnOutOfStock(const std::string& subnet_id, Instant now) {
  const auto is_it = [&](const Subnet& subnet) { return subnet.id == subnet_id; };
  if (std::none_of(subnets_.begin(), subnets_.end(), is_it)) return;
  Pause& pause = pauses_[subnet_id];
  if (now < pause.until) return;  // many are told of one and the same shortage
  pause.length = std::clamp(pause.length * 2, kFirstRest, kLongestRest);
  pause.until = now + pause.length;
}

void ZoneRotation::OnStock(const std::string& subnet_id) { pauses_.erase(subnet_id); }

std::vector<Subnet> ZoneRotation::OutOfStock(Instant now) const {
  std::vector<Subnet> paused;
  for (const Subnet& subnet : subnets_) {
    if (IsPaused(subnet.id, now)) paused.push_back(subnet);
  }
  return paused;
}

std::vector<Stock> ZoneRotation::Shortages(Instant now, WallTime wall_now) const {
  std::vector<Stock> shortages;
  for (const Subnet& subnet : OutOfStock(now)) {
    const Pause& pause = pauses_.at(subnet.id);
    const Duration ago = now - (pause.until - pause.length);
    shortages.push_back({subnet.id, "", "OutOfStock", wall_now - ago});
  }
  return shortages;
}

}  // namespace spillway::cloud::rest
