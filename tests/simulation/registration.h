#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "sandbox/standins/objects.h"
#include "sandbox/store/store.h"
#include "tests/simulation/observed_transport.h"

namespace spillway::simulation {

// Follows the Nodes of virtual nodes in the store:
//
//   node-comes-back              one that somebody deletes is back within 2 s where its agent sees the present
//
// Reads only. Loop thread only; the store outlives it.
class Registration {
 public:
  // The agent that has that node and sees the present; empty: none.
  using InCharge = std::function<std::string(const std::string& node)>;
  // `staleness`: by how much an agent may miss what happens all the same.
  Registration(Runtime& runtime, sandbox::Store& store, Duration staleness, InCharge in_charge);
  ~Registration();
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  const std::vector<Wrong>& wrong() const { return wrong_; }

 private:
  struct Deleted {
    Instant when;
    std::string agent;  // in charge then
  };
  void Wake();
  void Judge(const sandbox::Change& change);

  Runtime& runtime_;
  const Duration limit_;
  InCharge in_charge_;
  std::map<std::string, Deleted> deleted_;  // by node
  std::vector<Wrong> wrong_;
  bool posted_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  sandbox::Etcd::Cursor nodes_;
};

}  // namespace spillway::simulation
