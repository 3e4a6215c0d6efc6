#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/sim_process.h"
#include "sandbox/faults.h"
#include "tests/simulation/scenario.h"

namespace spillway::simulation {

class World;

// Carries out fault lines on a World. Those with [for=] go on until the end of the faults without it.
//
//   api.down for=4s                          every request refused, every watch cut
//   watch.drop|watch.gone resource=pods      open watches are cut; gone: with 410
//   watch.compact                            older resourceVersions are forgotten: lists between two pages expire
//   watch.lag within=5s [for=]               each watch is behind by a span of its own, which changes
//   list.pages limit=3 [for=]                no more objects in one page of a list
//   http status=403|409|410|429|500|503 share=10% [for=] [method=create] [resource=pods/binding]
//   http status=429 retry-after=3600s ...    controllers whose binds or reads are throttled are to wait so long
//   http lost=2% [for=]                      carried out, no reply
//   http cut=2% [for=]                       carried out, half a reply
//   http delay share=50% within=200ms [for=]
//   partition controller|agent [silently] for=8s [node=]   that process and the API server do not reach each other
//   pause controller|agent for=20s [node=]   that process stands still, and then does what came due
//   pause|partition controller binding for=  not now, but as the next bind is sent
//   stop controller [for=1s]                 told to end in good order, gone for that long
//   clock controller|agent ahead|back by=40s [node=]       its wall clock jumps
//   lease delete                             by an administrator: the leader finds out at its next renewal
//   rare share=10%                           branches of our own code that are rarely taken are taken (base/rarely.h)
//   scheduler still for=2m                   kube-scheduler looks at no Pod for that long
//   kill controller|agent [node=] [for=1s]   gone for that long
//   move agent [node=] [for=1s]              killed, and back on another machine, with another address
//   second agent goes|stays [ahead|back] [by=] [node=] for=30s    another agent of that name on another machine, its
//                                            wall clock so wrong, for so long; stays: then it is the first that goes
//   node add|remove|cordon|uncordon|silence|resume NAME [cpu= memory= label= taint=]
//   pod opt-out share=30%                    of those that wait
//   pod nominate NAME NODE                   as kube-scheduler does after preemption, and autoscalers do
//   pod fail|delete                          one on a virtual node is said to have Failed; one that waits is deleted
//   node garble|mend NAME                    from now on Spillway, and nobody else, cannot read it
//   cloud no_stock=100% late_no_stock= lost_reply= throttled= [for=]    late: after the create was accepted
//   cloud down|auth_lost for=10s             every call fails; creates fail and listings come back empty
//   cloud unlist share=30% for=20s           listings leave out that share of what there is
//   cloud forget for=20s                     listings show nothing, as if there were nothing; all else works
//   cloud reclaim|lose                       one instance: taken back as spot capacity, or gone without a trace
//
// Of several controllers the leader is meant, of several agents any one unless node= names it.
class FaultInjector {
 public:
  explicit FaultInjector(World& world) : world_(world) {}
  void Strike(const Line& fault);
  void EndAll();
  // How often each kind of fault has had an effect.
  std::map<std::string, std::uint64_t> Fired() const;

 private:
  // A process of ours, whichever kind.
  struct Victim {
    std::string name;  // as the API server knows it
    SimProcess* process = nullptr;
  };

  bool StrikeApi(const Line& fault);
  bool StrikeWatch(const Line& fault);
  bool StrikeHttp(const Line& fault);
  void ProxySays(const Line& fault);
  bool StrikeScheduler(const Line& fault);
  bool StrikeProcess(const Line& fault);
  bool Kill(const Line& fault);
  bool Move(const Line& fault);
  bool StartSecond(const Line& fault);
  bool Pause(const Line& fault);
  bool Partition(const Line& fault);
  bool Stop(const Line& fault);
  void Hold(const Victim& victim, const Line& fault);
  void CutOff(const Victim& victim, const Line& fault);
  // Done to the process that sends the next bind, as it does.
  void WhenBinding(std::function<void(const Victim&)> strike);
  bool SetClock(const Line& fault);
  bool StrikeNode(const Line& fault);
  bool StrikePod(const Line& fault);
  void OptOut(double share);
  bool FailOne();
  bool DeleteOne();
  bool Nominate(const std::string& pod, const std::string& node);
  // False: there is no such node, or it is so already.
  bool Garble(const std::string& node);
  void Mend(const std::string& node);
  bool StrikeCloud(const Line& fault);
  void Unlist(double share);
  void Add(sandbox::FaultRule rule, const Line& fault);
  Victim Find(const Line& fault);
  std::size_t Leader() const;
  std::string AgentNode(const Line& fault);

  World& world_;
  std::map<std::string, std::uint64_t> struck_;
  std::set<std::string> garbled_;  // nodes
};

}  // namespace spillway::simulation
