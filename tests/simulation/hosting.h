#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "cloud/providers/simulated/cloud.h"
#include "sandbox/standins/objects.h"
#include "sandbox/store/store.h"
#include "tests/simulation/observed_transport.h"

namespace spillway::simulation {

// Holds what agents say of their Pods, in the store, against what is true in the cloud, at the moment they say it:
//
//   ended-is-ended               a Pod that has Succeeded or Failed stays that, and never runs again; should somebody
//   else
//                                have said so, unless its agent cannot have seen that: kubelets overwrite it too
//   lost-is-lost                 of a Pod that Failed for InstanceLost no instance is left that lives
//   instance-goes-first          no Pod object goes while its instance is still on its way out
//   the-living-stay              no instance is asked to go while its Pod is to run
//   address-stays                a Pod's hostIP is never another one, wherever its agent has moved
//
// Reads only. Loop thread only; store and cloud outlive it.
class Hosting {
 public:
  // Whether the agent of that virtual node sees the present. Null: it always does.
  using SeesPresent = std::function<bool(const std::string& node)>;
  Hosting(Runtime& runtime, sandbox::Store& store, const cloud::SimulatedCloud& cloud, SeesPresent sees_present);
  ~Hosting();
  Hosting(const Hosting&) = delete;
  Hosting& operator=(const Hosting&) = delete;

  // Somebody else than its agent has ended that Pod.
  void OnEndedByOthers(const std::string& uid) { ended_by_others_.insert(uid); }
  // An agent is about to ask for the deletion of that instance.
  void OnDelete(const std::string& instance_id);
  const std::vector<Wrong>& wrong() const { return wrong_; }

 private:
  void Wake();
  void Judge(const sandbox::Change& change);
  // The instances of a Pod that are in that state.
  std::vector<std::string> InstancesOf(const std::string& uid, const std::set<cloud::InstanceState>& states) const;

  Runtime& runtime_;
  sandbox::Store& store_;
  const cloud::SimulatedCloud& cloud_;
  SeesPresent sees_present_;
  std::set<std::string> ended_by_others_;  // UIDs
  std::vector<Wrong> wrong_;
  bool posted_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  sandbox::Etcd::Cursor pods_;
};

}  // namespace spillway::simulation
