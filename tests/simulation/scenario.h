#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace spillway::simulation {

// The words of one line of a scenario file: "at=6s api.down for=4s" is the option at, the word api.down and the option
// for. A value in parentheses holds options of its own: provider=simulated(start=exp(2s), no_stock=5%).
struct Line {
  int number = 0;
  std::vector<std::string> words;
  std::map<std::string, std::string> options;

  std::string Word(std::size_t index) const { return index < words.size() ? words[index] : ""; }
  std::string Text(const std::string& option, std::string fallback = "") const;
  // Checked while the file is read, so that a run cannot stumble over them.
  std::int64_t Number(const std::string& option, std::int64_t fallback) const;
  Duration Time(const std::string& option, Duration fallback) const;
  double Share(const std::string& option, double fallback) const;  // "5%" or "0.05"
};

// When something happens: once at `at`, every `every`, or at a time that the seed picks between `at` and `until`.
struct Moment {
  enum class Kind : std::uint8_t { kAt, kEvery, kRandom };
  Kind kind = Kind::kAt;
  Duration at{0}, every{0}, until{0};
};

struct Step {
  Moment when;
  Line what;
};

// A simulation as a file: cluster, workload, faults, what must hold at the end. One statement a line, # comments.
//
//   swarm                                each seed draws the rest of the file for itself, see swarm.h
//   seeds      1..200                    seeds of a normal run; 1 when absent
//   length     3m                        virtual time that the run may take; 5m when absent
//   cluster    real=2 cpu=4 memory=8Gi pods=110 virtual=3 vcpu=1000 vmemory=4Ti vpods=3000 provider=simulated(...)
//              agents=kubelets           with a kubelet's identity each, which NodeRestriction confines
//   node       NAME cpu= memory= pods= label=key:value taint=key:value   one more real node
//   virtual    NAME cpu= memory= pods= gpu= scratch= can=FEATURE   one more virtual node; scratch: ephemeral storage
//   controller replicas=1 grace=1s dry-run=yes restrictions=tke autoscaler=defer deadline=20s ...
//   load       at=5s deployment NAME replicas= cpu= memory= run=30s namespace= annotation=key:value
//              spread=1 [zone=yes] apart=yes near=NAME priority=100 selector=key:value toleration=key gated=yes
//              gate=NAME gpu=1 scratch=20Gi needs=privileged|hostPID|hostIPC|hostPath|configMap
//   load       at=9s pod NAME count= volume=anywhere|NODE owner=KIND | ungate NAME | statefulset NAME | daemonset NAME
//   load       at=9s namespace NAME annotation=key:value | configmap NAME namespace= data=KEY:VALUE
//   load       at=9s configuration FILE | configuration mode=Off most=5 | configuration none
//   load       at=9s scale deployment NAME replicas= | delete deployment NAME | manifest FILE | job NAME completions=
//   ... fault      at=6s api.down for=4s | watch.gone | watch.drop | http status=409 share=10% | http lost=5% | delay
//   ... | kill ... expect     NAME options
struct Scenario {
  std::string name;  // the file's, without folder and ending
  bool is_swarm = false;
  std::uint64_t first_seed = 1, last_seed = 1;
  Duration length = std::chrono::minutes(5);
  Line cluster, controller;
  std::vector<Line> nodes, virtual_nodes;
  std::vector<Step> loads, faults;
  std::vector<Line> expectations;
};

// Errors name file and line: "w1.sim:7: unknown statement \"lod\"".
Result<Scenario> ParseScenario(std::string_view file_name, std::string_view text);
Result<Scenario> ReadScenario(const std::string& path);

// "simulated(start=exp(2s), no_stock=5%)": the word before the parentheses and the options in them.
Result<Line> ParseCall(std::string_view text);

}  // namespace spillway::simulation
