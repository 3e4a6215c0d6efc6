#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "controller/cluster_state.h"

namespace spillway::controller {

// Scope of one change to the facts. Whoever makes the change says what it is about; when the scope ends, the Edit works
// out what it came to: which Pods must be looked at again (ClusterState::TakeTouched), whether verdicts and their
// reasons may have moved (shifts), whether the deciding flow must be woken (changes).
class Edit {
 public:
  explicit Edit(ClusterState& state) : state_(state), generation_(state.cluster_.generation()) {}
  ~Edit();
  Edit(const Edit&) = delete;
  Edit& operator=(const Edit&) = delete;

  // A pending Pod came or changed: it is worth deciding, even where the model stays as it was.
  void Touches(const PendingPod& pod);
  // A pending Pod is gone.
  void Removes() { touches_pending_ = true; }
  // It is about a Pod that holds no place: whatever else is judged does not depend on it.
  void BearsOnNobodyElse() { bears_on_others_ = false; }
  // Nothing has changed but that a watch is answered again: what it missed is yet to come.
  void IsBackInStep() { touches_pending_ = is_back_in_step_ = true; }
  // Policies may answer otherwise of any Pod.
  void MovesPolicies() { moves_policies_ = true; }
  // Our own doing, of which the deciding flow knows.
  void IsOurs() { is_ours_ = true; }
  // An object that exists cannot be read, or can be, or is gone.
  void CannotRead(Doubts::Scope scope, std::string_view resource, const std::string& uid, std::string why);
  void CanRead(Doubts::Scope scope, std::string_view resource, const std::string& uid);

 private:
  ClusterState& state_;
  std::uint64_t generation_;
  bool touches_pending_ = false, bears_on_others_ = true, is_ours_ = false, moves_doubts_ = false,
       is_back_in_step_ = false, moves_policies_ = false;
};

}  // namespace spillway::controller
