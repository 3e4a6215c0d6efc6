#include "controller/cluster_edit.h"

#include <utility>

namespace spillway::controller {

Edit::~Edit() {
  const bool changed = state_.cluster_.generation() != generation_;
  if ((changed && bears_on_others_) || moves_doubts_ || is_back_in_step_) {
    ++state_.shifts_;
    state_.last_shift_ = state_.runtime_.Now();
  }
  if (moves_doubts_ || moves_policies_) state_.touched_.everything = true;
  const bool moves_replicas = state_.surroundings_.replicas().has_moved();
  const bool is_worth_deciding = changed || moves_replicas || touches_pending_ || moves_doubts_ || moves_policies_;
  if (is_worth_deciding && !is_ours_ && !state_.pending_.empty()) state_.changes_.Notify();
}

void Edit::Touches(const PendingPod& pod) {
  touches_pending_ = true;
  if (!state_.touched_.everything) state_.touched_.pods.push_back(pod.object.metadata.uid);
}

void Edit::CannotRead(Doubts::Scope scope, std::string_view resource, const std::string& uid, std::string why) {
  if (state_.doubts_.Note(scope, resource, uid, std::move(why))) moves_doubts_ = true;
}

void Edit::CanRead(Doubts::Scope scope, std::string_view resource, const std::string& uid) {
  if (state_.doubts_.Clear(scope, resource, uid)) moves_doubts_ = true;
}

}  // namespace spillway::controller
