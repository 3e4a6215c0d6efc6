#include "tests/simulation/swarm.h"

#include <fmt/core.h>

#include "base/random.h"

namespace spillway::simulation {
namespace {

// Draws the lines of one scenario. The chance of every fault is such that it has an effect in a third of the seeds.
class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : random_(seed ^ 0x5157a2d1ULL), replicas_(seed ^ 0x10ca1ULL) {}

  std::string Run() {
    Say("length {}s", Pick(90, 110));
    DrawCluster();
    DrawController();
    DrawWorkloads();
    DrawNeeds();
    DrawPodFaults();
    DrawConfigurations();
    // In some seeds everybody sees the present, and nothing that is late is excused.
    is_clear_ = Maybe(15);
    if (!is_clear_) DrawApiFaults();
    if (!is_clear_) DrawWatchFaults();
    if (!is_clear_) DrawPartitions();
    if (is_clear_) DrawWhatDelaysNobodyElse();
    DrawProcessFaults();
    DrawOtherAgents();
    DrawLeaseFaults();
    DrawNodeFaults();
    DrawCloudFaults();
    DrawGarbledNode();
    return std::move(text_);
  }

 private:
  template <typename... Args>
  void Say(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }
  std::int64_t Pick(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_.Below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool Maybe(int percent) { return Pick(1, 100) <= percent; }
  // Faults come while there is something to disturb.
  std::int64_t Moment() { return Pick(2, 60); }
  std::string RealNode() { return fmt::format("node-{}", Pick(0, real_ - 1)); }
  std::string VirtualNode() { return fmt::format("vnode-{}", Pick(0, virtual_ - 1)); }

  // What people write while it runs; in the end nothing.
  void DrawConfigurations() {
    if (!Maybe(30)) return;
    for (std::int64_t i = Pick(1, 4); i > 0; --i) {
      std::string what = Maybe(50) ? fmt::format(" most={}", Pick(1, 12)) : "";
      if (Maybe(40)) what += Maybe(50) ? " mode=Off" : " mode=DryRun";
      Say("load at={}s configuration{}", Moment(), what);
    }
    Say("load at=75s configuration none");
  }

  void DrawCluster() {
    real_ = Pick(1, 4);
    virtual_ = Pick(1, 3);
    cpu_ = Pick(1, 3) * 2;
    std::string provider = fmt::format("start=exp({}ms)", Pick(200, 3000));
    if (Maybe(45)) provider += fmt::format(", no_stock={}%", Pick(2, 20));
    if (Maybe(55)) provider += fmt::format(", late_no_stock={}%", Pick(10, 40));
    if (Maybe(45)) provider += fmt::format(", lost_reply={}%", Pick(2, 15));
    if (Maybe(30)) provider += fmt::format(", throttled={}%", Pick(1, 15));
    if (Maybe(40)) provider += fmt::format(", delete=exp({}ms)", Pick(200, 3000));
    Say("cluster provider=simulated({})", provider);
    DrawVirtualNodes();
    for (std::int64_t i = 0; i < real_; ++i) {
      const std::string taint = i > 0 && Maybe(20) ? " taint=dedicated:infra" : "";
      Say("node node-{} cpu={} memory={}Gi pods={} label=topology.kubernetes.io/zone:{}{}", i, cpu_, cpu_ * 2,
          Maybe(15) ? Pick(2, 6) : 110, i % 2 == 0 ? "a" : "b", taint);
    }
  }

  // One in four differs from the others in what it can run.
  void DrawVirtualNodes() {
    const std::int64_t pods = Maybe(15) ? Pick(3, 8) : 1000, cpu = Maybe(15) ? Pick(4, 16) : 1000;
    for (std::int64_t i = 0; i < virtual_; ++i) {
      std::string more;
      if (Maybe(25)) more += fmt::format(" gpu={}", Pick(1, 4));
      if (Maybe(25)) more += fmt::format(" scratch={}Gi", Pick(1, 5) * 20);
      if (Maybe(25)) more += Maybe(50) ? " can=privileged" : " can=hostPID";
      Say("virtual vnode-{} cpu={} memory=4Ti pods={}{}", i, cpu, pods, more);
    }
  }

  // Pods that not every node can run, and some none.
  void DrawNeeds() {
    const char* needs[] = {"needs=privileged", "needs=hostPID", "needs=hostPath", "needs=hostIPC", "gpu=1", "gpu=2",
                           "scratch=15Gi",     "scratch=30Gi"};
    for (int percent = 60; Maybe(percent); percent -= 20)
      Say("load at={}s deployment particular-{} replicas={} {} {}", Pick(1, 45), percent, Pick(1, 3), Size(),
          needs[Pick(0, 7)]);
  }

  void DrawController() {
    const std::int64_t replicas = Maybe(55) ? Pick(2, 3) : 1;
    elects_ = replicas > 1 || Maybe(60);
    const std::string slow = Maybe(20) ? fmt::format(" qps={} burst={}", Pick(2, 6), Pick(1, 4)) : "";
    Say("controller replicas={} leader-elect={} grace={}ms batch-idle={}ms{}{}", replicas, elects_ ? "yes" : "no",
        Pick(0, 3) * 500, Pick(1, 4) * 50, slow, Maybe(10) ? " trigger=any" : "");
  }

  // How a workload's Pods may be particular.
  std::string Traits() {
    std::string traits;
    if (Maybe(15)) traits += " spread=1";
    if (Maybe(8)) traits += " spread=1 zone=yes";
    if (Maybe(10)) traits += " apart=yes";
    if (Maybe(8)) traits += " near=base";
    if (Maybe(20)) traits += fmt::format(" priority={}", Pick(1, 3) * 100);
    if (Maybe(12)) traits += " toleration=dedicated";
    if (Maybe(6)) {
      traits += " annotation=spillway.io/overflow:false";
    } else if (const std::uint64_t keep = replicas_.Below(20); keep < 5) {
      traits += fmt::format(" annotation=LOCAL_REPLICAS:{}", keep);
    }
    if (Maybe(4)) traits += " selector=topology.kubernetes.io/zone:a";
    return traits;
  }
  std::string Size() { return fmt::format("cpu={}m memory={}Mi", Pick(1, 8) * 250, Pick(1, 8) * 64); }

  void DrawWorkloads() {
    const std::int64_t room = real_ * cpu_;  // processors
    Say("load at=0s deployment base replicas={} cpu=500m memory=128Mi", Pick(1, room));
    Say("load at={}s deployment burst replicas={} cpu=1 memory=256Mi{}", Pick(1, 20), room + Pick(1, 12), Traits());
    if (Maybe(60)) Say("load at={}s scale deployment burst replicas={}", Pick(21, 39), Pick(0, room + 10));
    if (Maybe(40)) Say("load at={}s scale deployment base replicas={}", Pick(10, 60), Pick(0, room * 2));
    if (Maybe(15)) Say("load at={}s delete deployment burst", Pick(40, 62));
    if (Maybe(45))
      Say("load at={}s job work completions={} run={}s {}{}", Pick(1, 40), Pick(1, 8), Pick(2, 30), Size(), Traits());
    if (Maybe(35)) Say("load at={}s statefulset set replicas={} {}{}", Pick(1, 40), Pick(1, 4), Size(), Traits());
    if (Maybe(35)) Say("load at={}s daemonset agent cpu={}m", Pick(1, 30), Pick(1, 4) * 100);
    if (Maybe(35)) Say("load at={}s pod filed count={} {} volume=anywhere", Pick(1, 40), Pick(1, 4), Size());
    if (Maybe(20)) Say("load at={}s pod rooted count={} {} volume={}", Pick(1, 40), Pick(1, 2), Size(), RealNode());
    if (Maybe(15)) Say("load at={}s pod foreign count={} {} scheduler=other", Pick(1, 40), Pick(1, 3), Size());
    if (Maybe(20)) Say("load at={}s pod kruise count={} {} owner=DaemonSet", Pick(1, 40), Pick(1, 2), Size());
    if (Maybe(40)) DrawTrickle();
    if (Maybe(25)) DrawNominations();
    if (Maybe(30)) {
      Say("load at={}s pod later count={} {} gated=yes", Pick(1, 30), Pick(1, 4), Size());
      if (Maybe(80)) Say("load at={}s ungate later", Pick(31, 60));
    }
  }

  // So that there is something to decide at any time.
  void DrawTrickle() {
    const std::int64_t every = Pick(2, 8);
    for (std::int64_t at = Pick(5, 15), i = 0; at <= 65; at += every, ++i)
      Say("load at={}s pod drip-{} {}", at, i, Size());
  }

  void DrawPodFaults() {
    if (Maybe(30)) Say("fault every={}s pod opt-out share={}%", Pick(3, 10), Pick(5, 25));
    if (Maybe(35)) Say("fault every={}s pod delete", Pick(3, 12));
    if (Maybe(30)) Say("fault at={}s pod fail", Pick(15, 60));
    if (Maybe(35)) Say("fault at={}s pod fail", Pick(25, 65));
  }

  // Pods that wait with a nomination for each real node, while kube-scheduler looks at none: gated ones hold nothing,
  // nor do less important ones against those that come then.
  void DrawNominations() {
    const std::int64_t at = Pick(4, 45);
    const bool is_gated = Maybe(50);
    Say("fault at={}s scheduler still for={}s", at, Pick(4, 12));
    for (std::int64_t i = 0; i < real_; ++i) {
      Say("load at={}s pod aspirant-{} cpu={} memory=64Mi{}", at, i, cpu_, is_gated ? " gated=yes" : " priority=-10");
      Say("fault at={}s pod nominate aspirant-{} node-{}", at, i, i);
    }
    Say("load at={}s pod latecomer count={} cpu=250m memory=64Mi", at + 1, Pick(1, 3));
  }

  void DrawApiFaults() {
    if (Maybe(42)) Say("fault at={}s api.down for={}s", Moment(), Pick(1, 15));
    if (Maybe(42)) Say("fault at={}s http status=503 share={}% for={}s", Pick(0, 40), Pick(2, 30), Pick(10, 60));
    if (Maybe(42)) Say("fault at={}s http status=500 share={}% for={}s", Pick(0, 40), Pick(2, 30), Pick(10, 60));
    if (Maybe(42)) Say("fault at={}s http status=429 share={}% for={}s", Pick(0, 40), Pick(2, 30), Pick(10, 60));
    if (Maybe(48)) Say("fault at={}s http status=409 share={}% for={}s", Pick(0, 40), Pick(2, 30), Pick(10, 60));
    if (Maybe(48)) Say("fault at={}s http lost={}% for={}s", Pick(0, 30), Pick(2, 30), Pick(10, 60));
    if (Maybe(48)) Say("fault at={}s http cut={}% for={}s", Pick(0, 30), Pick(2, 30), Pick(10, 60));
    if (Maybe(52))
      Say("fault at={}s http delay share={}% within={}ms for={}s", Pick(0, 30), Pick(5, 60), Pick(1, 10) * 100,
          Pick(10, 60));
    if (Maybe(60)) DrawRefusals();
    // Proxies say so without thinking.
    if (Maybe(15))
      Say("fault at={}s http status=429 share={}% {} retry-after=3600s for={}s", Pick(0, 40), Pick(5, 30),
          Maybe(50) ? "method=list" : "method=create resource=pods/binding", Pick(10, 40));
  }

  void DrawRefusals() {
    Say("fault at=0s http status=403 share={}% method=create resource=pods/binding for={}s", Pick(10, 60),
        Pick(20, 60));
  }

  // Refusals of one Pod's bind are that Pod's matter; an outage is over when it is over.
  void DrawWhatDelaysNobodyElse() {
    if (Maybe(50)) DrawRefusals();
    if (Maybe(35))
      Say("fault at={}s http status=429 share={}% method=create resource=pods/binding retry-after={}s for={}s",
          Pick(0, 20), Pick(10, 40), Pick(10, 30), Pick(20, 50));
    if (Maybe(40))
      Say("fault every={}s watch.drop resource={}", Pick(2, 6),
          Maybe(50) ? "persistentvolumes" : "persistentvolumeclaims");
    if (!Maybe(50)) return;
    const std::int64_t at = Moment(), span = Pick(4, 20);
    Say("fault at={}s api.down for={}s", at, span);
    Say("fault at={}s watch.compact", at + span - 1);
    Say("load at={}s pod patient count={} cpu=1 memory=128Mi", at + span - 1, Pick(1, 4));
  }

  void DrawWatchFaults() {
    const char* resources[] = {"pods", "nodes", "namespaces", "persistentvolumeclaims", "persistentvolumes"};
    const auto resource = [&] { return Maybe(40) ? "" : std::string(" resource=") + resources[Pick(0, 4)]; };
    if (Maybe(48)) Say("fault every={}s watch.drop{}", Pick(2, 20), resource());
    if (Maybe(48)) Say("fault every={}s watch.gone{}", Pick(3, 20), resource());
    if (Maybe(48)) Say("fault every={}s watch.compact", Pick(1, 15));
    if (Maybe(58)) Say("fault at=0s watch.lag within={}ms", Pick(1, 10) * 500);
    if (Maybe(85)) {
      Say("fault at=0s list.pages limit={}", Pick(1, 5));
      if (Maybe(85)) Say("fault at=0s http status=410 share={}% method=list", Pick(10, 60));
      if (Maybe(70)) Say("fault every={}s watch.gone", Pick(5, 20));
    }
  }

  void DrawPartitions() {
    const auto silently = [&] { return Maybe(50) ? " silently" : ""; };
    if (Maybe(42)) Say("fault at={}s partition controller{} for={}s", Moment(), silently(), Pick(2, 20));
    if (Maybe(10)) Say("fault at={}s partition controller binding{} for={}s", Moment(), silently(), Pick(8, 20));
    if (Maybe(38)) Say("fault at={}s partition agent{} for={}s", Moment(), silently(), Pick(2, 20));
    if (!Maybe(15)) return;
    // Agents that know their instances, and none or not all of their Pods.
    const std::int64_t at = Moment(), span = Pick(75, 110);
    const bool has_first_page = Maybe(50);
    Say("fault at={}s kill agent for=1s", at);
    if (has_first_page) Say("fault at={}s list.pages limit={}", at, Pick(1, 3));
    Say("fault at={}s http status={} share=100% method=list resource=pods for={}s", at, has_first_page ? 410 : 503,
        span);
  }

  void DrawProcessFaults() {
    if (Maybe(30)) Say("fault at={}s pause controller binding for={}s", Pick(1, 45), Pick(11, 25));
    if (Maybe(25)) Say("fault at={}s stop controller", Moment());
    if (Maybe(40)) Say("fault at={}s pause controller for={}s", Moment(), Pick(1, 25));
    if (Maybe(40)) Say("fault at={}s pause agent for={}s", Moment(), Pick(1, 25));
    if (Maybe(50))
      Say("fault at={}s clock {} {} by={}s", Pick(0, 30), Maybe(70) ? "controller" : "agent",
          Maybe(50) ? "back" : "ahead", Pick(1, 300));
    if (Maybe(40)) Say("fault at={}s lease delete", Moment());
    if (Maybe(is_clear_ ? 20 : 60)) Say("fault at=0s rare share={}%", Pick(5, 50));
    if (Maybe(40)) Say("fault at={}s scheduler still for={}s", Moment(), Pick(2, 30));
    if (Maybe(25)) Say("fault every={}s scheduler still for={}s", Pick(6, 12), Pick(2, 5));
    if (Maybe(20)) Say("fault every={}s kill controller", Pick(5, 20));
    if (Maybe(25)) Say("fault at={}s kill controller", Moment());
    if (Maybe(20)) Say("fault every={}s kill agent", Pick(5, 20));
    if (Maybe(25)) Say("fault at={}s kill agent", Moment());
  }

  void DrawOtherAgents() {
    if (Maybe(35)) Say("fault at={}s move agent for={}s", Moment(), Pick(1, 20));
    if (!Maybe(45)) return;
    const std::string node = VirtualNode();
    const std::int64_t at = Pick(2, 45);
    const std::string clock = Maybe(30) ? fmt::format(" {} by={}s", Maybe(50) ? "back" : "ahead", Pick(1, 300)) : "";
    Say("fault at={}s second agent {}{} node={} for={}s", at, Maybe(50) ? "stays" : "goes", clock, node, Pick(20, 50));
    if (Maybe(20)) return;  // it waits, and nothing else happens
    const std::string how = is_clear_ || Maybe(50) ? "pause agent"
                            : Maybe(50)            ? "partition agent silently"
                                                   : "partition agent";
    Say("fault at={}s {} node={} for={}s", at + Pick(0, 3), how, node, Pick(17, 40));
  }

  void DrawLeaseFaults() {
    if (!elects_) return;
    if (Maybe(25)) {  // slow for a while, and then none
      const std::int64_t at = Pick(0, 30);
      Say("fault at={}s http delay share=80% within=4500ms resource=leases for={}s", at, Pick(10, 30));
      Say("fault at={}s http status=503 share=100% method=update resource=leases for={}s", at + Pick(8, 20),
          Pick(12, 25));
    }
    if (Maybe(20)) {  // what it owes must not keep its successor waiting
      const std::int64_t at = Pick(3, 45);
      Say("fault at={}s http status=503 share=100% resource=events for={}s", at, Pick(10, 30));
      Say("fault at={}s stop controller", at + Pick(2, 8));
    }
  }

  void DrawNodeFaults() {
    if (Maybe(12)) DrawNoNodesLeft();
    if (Maybe(40))
      Say("fault at={}s node add late cpu={} memory={}Gi label=topology.kubernetes.io/zone:a", Moment(), cpu_,
          cpu_ * 2);
    if (Maybe(30)) Say("fault at={}s node remove {}", Moment(), RealNode());
    if (Maybe(35)) Say("fault at={}s node remove {}", Moment(), VirtualNode());
    if (Maybe(40)) {
      const std::string node = Maybe(70) ? RealNode() : VirtualNode();
      const std::int64_t at = Moment();
      Say("fault at={}s node cordon {}", at, node);
      Say("fault at={}s node uncordon {}", at + Pick(1, 20), node);
    }
    if (Maybe(35)) {
      const std::string node = RealNode();
      const std::int64_t at = Pick(0, 10);
      Say("fault at={}s node silence {}", at, node);
      Say("fault at={}s node resume {}", at + Pick(5, 65), node);
    }
  }

  // For good.
  void DrawNoNodesLeft() {
    const std::int64_t at = Pick(15, 60);
    for (std::int64_t i = 0; i < real_; ++i)
      Say("fault at={}s node {} node-{}", at + Pick(0, 3), Maybe(60) ? "cordon" : "silence", i);
    Say("load at={}s pod stranded count={}", at + Pick(0, 10), Pick(1, 3));  // no node is short for them
  }

  void DrawCloudFaults() {
    if (Maybe(35)) Say("fault at={}s cloud no_stock=100% for={}s", Moment(), Pick(11, 30));
    if (Maybe(35)) Say("fault at={}s cloud down for={}s", Moment(), Pick(1, 20));
    if (Maybe(35)) Say("fault at={}s cloud auth_lost for={}s", Moment(), Maybe(60) ? Pick(1, 30) : Pick(60, 100));
    if (Maybe(35)) Say("fault at={}s cloud unlist share={}% for={}s", Moment(), Pick(20, 80), Pick(11, 25));
    if (Maybe(30)) Say("fault at={}s cloud forget for={}s", Moment(), Maybe(60) ? Pick(1, 30) : Pick(60, 90));
    if (Maybe(35)) Say("fault at={}s cloud reclaim", Pick(20, 65));
    if (Maybe(35)) Say("fault at={}s cloud lose", Pick(20, 65));
  }

  void DrawGarbledNode() {
    if (!Maybe(35)) return;
    const std::string node = RealNode();
    const std::int64_t at = Moment();
    Say("fault at={}s node garble {}", at, node);
    Say("fault at={}s node mend {}", at + Pick(6, 25), node);
    if (!Maybe(70)) return;
    // kube-scheduler is slow just then, and somebody else must know that there is room.
    Say("fault at={}s scheduler still for={}s", at, Pick(3, 15));
    Say("load at={}s pod small count={} cpu=250m memory=64Mi", at + 1, Pick(1, 3));
  }

  base::Random random_, replicas_;
  std::string text_;
  std::int64_t real_ = 1, virtual_ = 1, cpu_ = 4;
  bool elects_ = false, is_clear_ = false;
};

}  // namespace

std::string DrawSwarm(std::uint64_t seed) { return Drawing(seed).Run() + "expect nothing-moved-that-fits\n"; }

const std::vector<std::string>& SwarmFaults() {
  static const std::vector<std::string> kinds = {"api.down",
                                                 "http.unavailable",
                                                 "http.internal_error",
                                                 "http.throttle",
                                                 "http.conflict",
                                                 "http.forbidden",
                                                 "http.gone",
                                                 "http.lost",
                                                 "http.cut",
                                                 "http.delay",
                                                 "watch.drop",
                                                 "watch.gone",
                                                 "watch.compact",
                                                 "watch.lag",
                                                 "list.gone",
                                                 "kill.controller",
                                                 "stop.controller",
                                                 "partition.controller",
                                                 "pause.controller",
                                                 "clock",
                                                 "lease.delete",
                                                 "kill.agent",
                                                 "partition.agent",
                                                 "pause.agent",
                                                 "move.agent",
                                                 "second.agent",
                                                 "second.agent.takes_over",
                                                 "scheduler.still",
                                                 "pod.opt-out",
                                                 "pod.delete",
                                                 "pod.fail",
                                                 "node.add",
                                                 "node.remove",
                                                 "node.remove.virtual",
                                                 "node.cordon",
                                                 "node.silence",
                                                 "node.garble",
                                                 "cloud.refused",
                                                 "cloud.no_stock",
                                                 "cloud.late_no_stock",
                                                 "cloud.throttled",
                                                 "cloud.forget",
                                                 "cloud.lost_reply",
                                                 "cloud.down",
                                                 "cloud.auth_lost",
                                                 "cloud.unlist",
                                                 "cloud.reclaim",
                                                 "cloud.lose"};
  return kinds;
}

}  // namespace spillway::simulation
