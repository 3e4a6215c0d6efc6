#pragma once

#include <string>
#include <vector>

#include "cloud/provider.h"

namespace spillway::cloud {

// What is worth telling of one instance: equal events are counted, of different ones the newest few are kept.
class InstanceEvents {
 public:
  void Add(InstanceEvent event) {
    for (auto at = all_.begin(); at != all_.end(); ++at) {
      if (at->container != event.container || at->reason != event.reason || at->message != event.message) continue;
      event.count += at->count;
      all_.erase(at);
      break;
    }
    all_.push_back(std::move(event));
    if (all_.size() > kKept) all_.erase(all_.begin());
  }
  const std::vector<InstanceEvent>& all() const { return all_; }

 private:
  static constexpr std::size_t kKept = 12;
  std::vector<InstanceEvent> all_;
};

}  // namespace spillway::cloud
