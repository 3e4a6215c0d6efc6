#pragma once

#include <cstdint>
#include <functional>
#include <map>
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
//                                else have said so, unless its agent cannot have seen that: kubelets overwrite it too
//   lost-is-lost                 of a Pod that Failed for InstanceLost no instance is left that lives
//   instance-goes-first          no Pod object goes while its instance is still on its way out
//   the-living-stay              no instance is asked to go while its Pod is to run
//   one-token-a-generation       no Pod's instance is asked for under more client tokens than there are generations
//   noted
//                                on the Pod: of a create that is repeated the cloud has to know that it is the same
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
  // An agent is about to ask for an instance, or for the deletion of one.
  void OnCreate(const cloud::CreateRequest& request);
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
  struct Tokens {
    std::set<std::string> used;
    std::int64_t generations = 1;  // the most that were ever noted
  };
  std::map<std::string, Tokens> tokens_;  // by UID
  std::vector<Wrong> wrong_;
  bool posted_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  sandbox::Etcd::Cursor pods_;
};

}  // namespace spillway::simulation
