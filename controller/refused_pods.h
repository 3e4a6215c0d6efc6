#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/time.h"
#include "controller/policy/fail_over.h"
#include "kube/api/objects.h"

namespace spillway::controller {

// Bound Pods of which their node has said that it cannot run them, and of which nothing has ever started: by deltas.
class RefusedPods {
 public:
  // A bound Pod, not ended. True: it is one of them now.
  bool Put(const kube::Pod& pod, Instant now);
  void Remove(std::string_view uid);

  // By UID.
  const std::map<std::string, RefusedPod, std::less<>>& all() const { return pods_; }
  const RefusedPod* Find(std::string_view uid) const;

 private:
  std::map<std::string, RefusedPod, std::less<>> pods_;
};

}  // namespace spillway::controller
