#pragma once

#include <string>
#include <vector>

#include "sandbox/faults.h"
#include "tests/simulation/scenario.h"

namespace spillway::simulation {

class World;

// Carries out fault lines on a World:
//
//   api.down for=4s                          every request refused, every watch cut
//   watch.drop|watch.gone resource=pods      open watches are cut; gone: with 410
//   watch.compact                            older resourceVersions are forgotten
//   http status=409|410|429|500|503 share=10% [for=] [method=create] [resource=pods/binding]
//   http lost=2% [for=]                      carried out, no reply
//   http delay share=50% within=200ms [for=]
//   scheduler still for=2m                   kube-scheduler looks at no Pod for that long
//   kill controller|agent [node=] [for=1s]   gone for that long
//   node add|remove|cordon|uncordon|silence|resume NAME [cpu= memory=]
//   cloud no_stock=100% lost_reply= throttled= [for=]
//   cloud down|auth_lost for=10s             every call fails; creates fail and listings come back empty
//   cloud reclaim|lose                       one instance: taken back as spot capacity, or gone without a trace
class FaultInjector {
 public:
  explicit FaultInjector(World& world) : world_(world) {}
  void Strike(const Line& fault);
  void EndAll();

 private:
  bool StrikeApi(const Line& fault);
  bool StrikeHttp(const Line& fault);
  bool StrikeScheduler(const Line& fault);
  bool StrikeProcess(const Line& fault);
  bool StrikeNode(const Line& fault);
  bool StrikeCloud(const Line& fault);

  World& world_;
  std::vector<sandbox::Faults::RuleId> rules_;
};

}  // namespace spillway::simulation
