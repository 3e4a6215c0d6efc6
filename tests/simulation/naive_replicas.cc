#include "tests/simulation/naive_replicas.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace spillway::simulation {

bool MayGoBeyondLocal(const Objects& then, const kube::Pod& pod) {
  const std::string* keep = kube::Find(pod.metadata.annotations, "LOCAL_REPLICAS");
  const kube::OwnerReference* owner = pod.metadata.Controller();
  if (keep == nullptr || owner == nullptr || keep->find_first_not_of("0123456789") != std::string::npos) return false;
  std::set<std::string> real;
  for (const kube::Node& node : then.nodes) {
    if (!IsVirtualNode(node)) real.insert(node.metadata.name);
  }
  const auto stay = std::count_if(then.pods.begin(), then.pods.end(), [&](const kube::Pod& other) {
    const kube::OwnerReference* whose = other.metadata.Controller();
    if (whose == nullptr || whose->uid != owner->uid || other.metadata.uid == pod.metadata.uid) return false;
    if (other.is_terminal() || other.is_terminating()) return false;
    return IsWaiting(other) || real.contains(other.node_name);
  });
  return stay >= std::atoll(keep->c_str());
}

}  // namespace spillway::simulation
