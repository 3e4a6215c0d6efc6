// What befalls Pods by the hand of others.
#include <vector>

#include "tests/simulation/fault_injector.h"
#include "tests/simulation/world.h"

namespace spillway::simulation {

bool FaultInjector::StrikePod(const Line& fault) {
  if (fault.Word(0) != "pod") return false;
  const std::string verb = fault.Word(1);
  if (verb == "opt-out") {
    OptOut(fault.Share("share", 0.3));
  } else if (verb == "fail") {
    if (FailOne()) ++struck_["pod.fail"];
  } else if (verb == "delete") {
    if (DeleteOne()) ++struck_["pod.delete"];
  } else if (verb == "nominate") {
    if (Nominate(fault.Word(2), fault.Word(3))) ++struck_["pod.nominate"];
  } else {
    return false;
  }
  return true;
}

// Annotated by their owner, at the last moment.
void FaultInjector::OptOut(double share) {
  for (const kube::Pod& pod : std::vector<kube::Pod>(world_.history_->truth().objects().pods)) {
    if (!IsWaiting(pod) || !world_.random_.Chance(share)) continue;
    const auto done = world_.cluster().store().Modify(
        "pods", pod.metadata.ns, pod.metadata.name, sandbox::Part::kObject, [](sandbox::Json& object) {
          object["metadata"]["annotations"]["spillway.io/overflow"] = "false";
          return true;
        });
    if (done) ++struck_["pod.opt-out"];
  }
}

// By somebody else than its agent, as the garbage collector of Pods or an operator may.
bool FaultInjector::FailOne() {
  std::vector<const cloud::Instance*> running;
  const std::vector<cloud::Instance> instances = world_.cloud().Instances();
  for (const cloud::Instance& instance : instances) {
    if (instance.state == cloud::InstanceState::kRunning) running.push_back(&instance);
  }
  if (running.empty()) return false;
  const cloud::InstanceIdentity& victim = running[world_.random_.Below(running.size())]->identity;
  const auto done = world_.cluster().store().Modify("pods", victim.pod_namespace, victim.pod_name,
                                                    sandbox::Part::kStatus, [&](sandbox::Json& object) {
                                                      if (!sandbox::IsPodActive(object)) return false;
                                                      object["status"]["phase"] = "Failed";
                                                      object["status"]["reason"] = "Evicted";
                                                      return true;
                                                    });
  if (done) world_.hosting_->OnEndedByOthers(victim.pod_uid);
  return done.has_value();
}

bool FaultInjector::DeleteOne() {
  std::vector<const kube::Pod*> waiting;
  for (const kube::Pod& pod : world_.history_->truth().objects().pods) {
    if (IsWaiting(pod)) waiting.push_back(&pod);
  }
  if (waiting.empty()) return false;
  const kube::Pod victim = *waiting[world_.random_.Below(waiting.size())];
  return world_.cluster().store().Delete("pods", victim.metadata.ns, victim.metadata.name).has_value();
}

bool FaultInjector::Nominate(const std::string& pod, const std::string& node) {
  const auto done =
      world_.cluster().store().Modify("pods", "default", pod, sandbox::Part::kStatus, [&](sandbox::Json& object) {
        if (!sandbox::NodeOf(object).empty()) return false;
        object["status"]["nominatedNodeName"] = node;
        return true;
      });
  return done.has_value();
}

}  // namespace spillway::simulation
