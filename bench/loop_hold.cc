// How long a controller holds its loop at most while 100,000 Pods wait on 100,000 nodes and 200 things a second change.
// The whole controller runs, on virtual time, against an API server that is played here; what its turns take is CPU
// time of this thread, as others run on the machine. Making and decoding JSON is not counted: I/O threads do that.
//
//   build/bench/bench_loop_hold [pending Pods] [nodes] [seconds]
#include <fmt/core.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "controller/controller.h"
#include "kube/transport.h"
#include "metrics/registry.h"

namespace spillway::bench {
namespace {

double CpuMs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Passes everything on, and measures each turn.
class MeasuredRuntime final : public Runtime {
 public:
  explicit MeasuredRuntime(SimRuntime& inner) : inner_(inner) {}

  Instant Now() const override { return inner_.Now(); }
  WallTime WallNow() const override { return inner_.WallNow(); }
  void Post(std::function<void()> work) override { inner_.Post(Measured(std::move(work))); }
  TimerId PostAt(Instant when, std::function<void()> work) override {
    return inner_.PostAt(when, Measured(std::move(work)));
  }
  void CancelTimer(TimerId timer) override { inner_.CancelTimer(timer); }
  Random& random() override { return inner_.random(); }

  // Of the turns since this was last called, in ms, the longest last.
  std::vector<double> TakeTurns() {
    std::sort(turns_.begin(), turns_.end());
    return std::exchange(turns_, {});
  }

 private:
  std::function<void()> Measured(std::function<void()> work) {
    return [this, work = std::move(work)] {
      const double began = CpuMs();
      work();
      turns_.push_back(CpuMs() - began);
    };
  }

  SimRuntime& inner_;
  std::vector<double> turns_;
};

std::string NodeJson(int i, bool is_virtual) {
  return fmt::format(
      R"({{"metadata":{{"name":"{0}{1}","uid":"00000000-0000-4000-9000-{1:012x}","resourceVersion":"1"{2}}},)"
      R"("status":{{"allocatable":{{"cpu":"{3}","memory":"{4}Gi","pods":"{5}"}},)"
      R"("conditions":[{{"type":"Ready","status":"True"}}]}}}})",
      is_virtual ? "virtual" : "node", is_virtual ? 10'000'000 + i : i,
      is_virtual ? R"(,"labels":{"type":"virtual-kubelet"})" : "", is_virtual ? 100'000 : 4,
      is_virtual ? 1'000'000 : 32, is_virtual ? 5000 : 110);
}

// A Pod of one of 500 workloads; pending where `node` is empty.
std::string PodJson(int i, const std::string& node, int cpu, int version) {
  return fmt::format(
      R"({{"metadata":{{"name":"p{0}","namespace":"w{1}","uid":"00000000-0000-4000-8000-{0:012x}",)"
      R"("resourceVersion":"{2}","labels":{{"app":"w{1}"}}}},)"
      R"("spec":{{"schedulerName":"default-scheduler"{3},"containers":[{{"name":"c",)"
      R"("resources":{{"requests":{{"cpu":"{4}","memory":"{5}Mi"}}}}}}]}},"status":{{"phase":"Pending"}}}})",
      i, i % 500, version, node.empty() ? "" : fmt::format(R"(,"nodeName":"{}")", node), cpu, 64 + i % 500);
}

// What the controller talks to: lists in pages, watches that say what the benchmark tells them, binds that succeed.
class PlayedApi final : public kube::Transport {
 public:
  PlayedApi(SimRuntime& io, MeasuredRuntime& loop, int nodes, int pending)
      : io_(io), loop_(loop), next_pod_(nodes + pending) {
    for (int i = 0; i < nodes; ++i) nodes_list_.push_back(NodeJson(i, false));
    for (int i = 0; i < 40; ++i) nodes_list_.push_back(NodeJson(i, true));
    for (int i = 0; i < nodes; ++i) pods_list_.push_back(PodJson(i, Node(i), 4, 1));  // each node is full
    for (int i = 0; i < pending; ++i) pods_list_.push_back(PodJson(nodes + i, "", 2, 1));
    for (int i = 0; i < nodes; ++i) placed_.emplace_back(i, i);
  }

  Task<Result<kube::Response>> Send(kube::Request request) override {
    OneShot<Result<kube::Response>> answer(loop_);
    const CancelToken cancel = request.cancel;
    cancel.OnCancel([answer] { answer.Set(tl::unexpected<Error>(Error{Code::kCancelled, "cancelled"})); });
    // As an I/O thread would.
    io_.Post([this, request = std::move(request), answer] { Answer(request, answer); });
    Result<kube::Response> response = co_await answer.Wait();
    co_return response;
  }

  // One thing changes: a Pod ends, or another comes in its place.
  void Change() {
    if (changes_++ % 2 == 0) {
      const auto [pod, node] = placed_.front();
      placed_.pop_front();
      freed_.push_back(node);
      Tell("DELETED", PodJson(pod, Node(node), 4, ++version_));
    } else {
      const int pod = next_pod_++, node = freed_.front();
      freed_.pop_front();
      placed_.emplace_back(pod, node);
      Tell("ADDED", PodJson(pod, Node(node), 4, ++version_));
    }
  }

  int binds() const { return binds_; }

 private:
  using Answered = OneShot<Result<kube::Response>>;
  static std::string Node(int i) { return fmt::format("node{}", i); }

  void Tell(const std::string& type, const std::string& object) {
    if (pods_watch_) pods_watch_->OnData(fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object));
  }

  void Answer(const kube::Request& request, const Answered& answer) {
    const std::string& path = request.path;
    if (path.find("watch=1") != std::string::npos) {
      request.sink->OnStart();
      if (path.starts_with("/api/v1/pods?")) pods_watch_ = request.sink;
      return;
    }
    if (request.sink) {
      request.sink->OnData(Page(path));
      request.sink->OnEnd();
      return answer.Set(kube::Response{.status = 200});
    }
    if (path == "/version") return answer.Set(kube::Response{200, R"({"major":"1","minor":"36"})"});
    if (path.ends_with("/binding")) return AnswerBind(request, answer);
    if (request.method == kube::Method::kGet) return answer.Set(kube::Response{404, "{}"});
    answer.Set(kube::Response{201, "{}"});
  }

  std::string Page(const std::string& path) const {
    static const std::vector<std::string> kNothing;
    const std::vector<std::string>& all = path.starts_with("/api/v1/pods?")    ? pods_list_
                                          : path.starts_with("/api/v1/nodes?") ? nodes_list_
                                                                               : kNothing;
    const std::size_t at = path.find("&continue=");
    const std::size_t from = at == std::string::npos ? 0 : std::strtoull(path.c_str() + at + 10, nullptr, 10);
    const std::size_t to = std::min(from + 500, all.size());
    std::string items;
    for (std::size_t i = from; i < to; ++i) items += (i == from ? "" : ",") + all[i];
    return fmt::format(R"({{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"1"{}}},"items":[{}]}})",
                       to == all.size() ? "" : fmt::format(R"(,"continue":"{}")", to), items);
  }

  void AnswerBind(const kube::Request& request, const Answered& answer) {
    ++binds_;
    const int pod = std::atoi(request.path.c_str() + request.path.find("/pods/p") + 7);
    answer.Set(kube::Response{201, "{}"});
    const std::size_t node = request.body.find("\"name\":\"virtual");
    const std::string name = request.body.substr(node + 8, request.body.find('"', node + 8) - node - 8);
    Tell("MODIFIED", PodJson(pod, name, 2, ++version_));
  }

  SimRuntime& io_;
  MeasuredRuntime& loop_;
  int next_pod_, changes_ = 0, binds_ = 0, version_ = 1;
  std::vector<std::string> nodes_list_, pods_list_;
  std::deque<std::pair<int, int>> placed_;  // Pod and node
  std::deque<int> freed_;
  std::shared_ptr<kube::BodySink> pods_watch_;
};

void Report(const char* phase, std::vector<double> turns) {
  double total = 0;
  for (const double turn : turns) total += turn;
  const double longest = turns.empty() ? 0 : turns.back();
  const double p99 = turns.empty() ? 0 : turns[turns.size() * 999 / 1000];
  fmt::print("{}: {} turns, {:.0f} ms of CPU, longest turn {:.1f} ms, 99.9% below {:.1f} ms\n", phase, turns.size(),
             total, longest, p99);
}

int Main(int pending, int nodes, int seconds) {
  log::Quiet();
  SimRuntime sim(1);
  MeasuredRuntime loop(sim);
  PlayedApi api(sim, loop, nodes, pending);
  metrics::Registry metrics(metrics::Component::kController);
  controller::Controller controller(loop, api, controller::ControllerOptions(), metrics);
  controller.Start();
  if (!sim.RunUntil([&] { return controller.Ready().has_value(); }, std::chrono::minutes(10))) {
    fmt::print("not ready: {}\n", controller.Ready().error().message);
    return 1;
  }
  Report("listing", loop.TakeTurns());
  sim.RunFor(std::chrono::seconds(4));
  Report("first rounds", loop.TakeTurns());
  const double rounds = metrics.Value(metrics::Id::kDecisionDuration);
  const int binds = api.binds();
  for (int i = 0; i < 200 * seconds; ++i) {
    api.Change();
    sim.RunFor(std::chrono::milliseconds(5));
  }
  Report("200 changes a second", loop.TakeTurns());
  fmt::print("{} rounds and {} binds in {} s\n", metrics.Value(metrics::Id::kDecisionDuration) - rounds,
             api.binds() - binds, seconds);
  (void)metrics.Text();
  return 0;
}

}  // namespace
}  // namespace spillway::bench

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; };
  return spillway::bench::Main(number(1, 100'000), number(2, 100'000), number(3, 30));
}
