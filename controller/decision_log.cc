#include "controller/decision_log.h"

#include <algorithm>

namespace spillway::controller {

void DecisionLog::Add(LoggedDecision decision) {
  if (capacity_ == 0) return;
  if (decisions_.size() == capacity_) decisions_.pop_front();
  decisions_.push_back(std::move(decision));
}

const LoggedDecision* DecisionLog::FindById(std::string_view id) const {
  const auto found = std::find_if(decisions_.rbegin(), decisions_.rend(), [&](const auto& d) { return d.id == id; });
  return found == decisions_.rend() ? nullptr : &*found;
}

std::vector<const LoggedDecision*> DecisionLog::OfPod(std::string_view pod) const {
  std::vector<const LoggedDecision*> found;
  for (auto decision = decisions_.rbegin(); decision != decisions_.rend(); ++decision) {
    if (decision->pod == pod) found.push_back(&*decision);
  }
  return found;
}

}  // namespace spillway::controller
