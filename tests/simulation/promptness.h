#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "tests/simulation/naive_cluster.h"

namespace spillway::simulation {

// Whether Pods are moved soon, where nothing hinders the leader. Looks at the true state again and again: of equal Pods
// that wait, no more may wait for long than real nodes have room for, even if kube-scheduler stands still; at least
// once a bind must have been tried for each of the others. Judges with the naive model. Loop thread only.
class Promptness {
 public:
  // `limit`: what a Pod that fits nowhere may wait for its first bind, the controller's own grace included.
  explicit Promptness(Duration limit) : limit_(limit) {}

  // One look, `now` not before the last one. `is_tried` by the Pod's UID: somebody has sent a bind for it.
  void Look(const Objects& objects, Instant now, const std::function<bool(const std::string&)>& is_tried);
  // Something hinders the leader: what has waited so far has waited for that.
  void Excuse() { classes_.clear(); }

  // Pods that have waited too long, each once, one line each.
  const std::vector<std::string>& late() const { return late_; }

 private:
  // Equal Pods that wait while not all of them have room.
  struct Class {
    std::map<std::string, Instant> since;              // by UID
    std::deque<std::pair<Instant, std::size_t>> room;  // how many of them real nodes could take, lately
  };
  void LookAt(const Objects& objects, Instant now, const std::vector<const kube::Pod*>& pods, Class& known);

  Duration limit_;
  std::map<std::string, Class> classes_;  // by LikenessOf()
  std::set<std::string> told_;            // UIDs
  std::vector<std::string> late_;
};

}  // namespace spillway::simulation
