#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "controller/pending_pod.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

// Objects that exist and cannot be read. That a Pod fits nowhere may be concluded only from what is known, so each such
// object leaves some Pods undecidable:
//
//   a Node                      every Pod: it might take any
//   a Pod                       Pods that look at other Pods (affinity, anti-affinity, spread): it might let them in.
//                               For all others it does not matter: it counts as using no room, which errs on the side
//                               of "fits"
//   a Namespace, Service, ...   the same Pods: by its labels or selector it may change whom they look at
//   claims, volumes, ...        Pods with volumes
//   a DeviceClass               Pods that ask for extended resources: it may stand for any of them
class Doubts {
 public:
  enum class Scope : std::uint8_t { kEveryPod, kPodsThatLookAtOthers, kPodsWithVolumes, kPodsThatAskForDevices };

  // True if this is news.
  bool Note(Scope scope, std::string_view resource, const std::string& uid, std::string why);
  // It is readable again, or gone. True if that is news.
  bool Clear(Scope scope, std::string_view resource, const std::string& uid);

  bool empty() const;
  // Why that `pod` fits nowhere cannot be concluded; empty when it can. Volumes aside: the model itself is told of
  // them.
  std::string_view Against(const sim::Cluster& cluster, const PendingPod& pod) const;
  // The first of a scope; empty: there is none.
  std::string_view First(Scope scope) const;

 private:
  // By resource and UID.
  std::array<std::map<std::pair<std::string, std::string>, std::string>, 4> unreadable_;
};

}  // namespace spillway::controller
