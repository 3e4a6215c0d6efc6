#include <fmt/core.h>
#include <fmt/ranges.h>

#include <map>
#include <utility>

#include "base/log.h"
#include "cmd/removal/removal.h"
#include "cmd/removal/virtual_nodes.h"

namespace spillway::cmd {
namespace {

using kube::Json;
using kube::TextAt;

class Retirement {
 public:
  Retirement(kube::Client& client, Removal removal) : client_(client), removal_(std::move(removal)) {}

  Task<Status> Run() {
    const Instant deadline = client_.runtime().Now() + removal_.timeout;
    while (true) {
      const Status looked = co_await Look();
      if (looked && left_.empty()) co_return Status();
      const bool is_refused = !looked && !base::IsTransient(looked.error());
      if (is_refused || client_.runtime().Now() >= deadline) {
        std::string why = looked ? Told() : looked.error().message;
        Status failed = co_await GiveUp(std::move(why));
        co_return failed;
      }
      co_await client_.runtime().SleepFor(kRemovalPause);
    }
  }

 private:
  // Cordons what is not cordoned yet, again what was made anew, and notes in left_ what each has.
  Task<Status> Look() {
    std::string selector = removal_.selector;
    std::set<std::string> keep = removal_.keep;
    const auto nodes = co_await ListVirtualNodes(client_, std::move(selector), std::move(keep));
    if (!nodes) co_return Fail(nodes.error());
    left_.clear();
    for (const Json& node : *nodes) {
      std::string name = TextAt(node, "metadata", "name");
      const Status cordoned = co_await Cordon(node);
      if (!cordoned) co_return Fail(cordoned.error());
      const auto pods = co_await ListPodsThatCount(client_, name);
      if (!pods) co_return Fail(pods.error());
      if (auto left = WhatIsLeft(node, *pods, cordoned_at_[name])) left_[name] = *std::move(left);
    }
    co_return Status();
  }

  Task<Status> Cordon(const Json& node) {
    const std::string name = TextAt(node, "metadata", "name");
    if (!kube::IsTrue(kube::At(node, "spec", "unschedulable"))) {
      const Status done = co_await SetCordon(client_, name, true);
      if (!done) co_return Fail(done.error());
      ours_.insert(name);
      cordoned_at_[name] = client_.runtime().WallNow();
      log::Info("cordoned", {{"node", name}});
    }
    cordoned_at_.try_emplace(name, client_.runtime().WallNow());
    co_return Status();
  }

  std::string Told() const {
    std::vector<std::string> lines;
    for (const auto& [node, left] : left_) lines.push_back(fmt::format("{} still has {}", node, left));
    return fmt::format("{}; move or delete what is there (kubectl drain {} --ignore-daemonsets) and try again",
                       fmt::join(lines, "; "), left_.begin()->first);
  }

  Task<Status> GiveUp(std::string why) {
    std::vector<std::string> stuck;
    for (const std::string& name : ours_) {
      const Status undone = co_await SetCordon(client_, name, false);
      if (!undone && undone.error().code != Code::kNotFound) stuck.push_back(name);
    }
    if (!stuck.empty()) why += fmt::format("; still cordoned by this, uncordon by hand: {}", fmt::join(stuck, ", "));
    co_return Fail(Code::kDeadlineExceeded, std::move(why));
  }

  kube::Client& client_;
  const Removal removal_;
  std::set<std::string> ours_;                   // cordoned by us
  std::map<std::string, WallTime> cordoned_at_;  // seen so at the latest
  std::map<std::string, std::string> left_;      // node -> what
};

}  // namespace

Task<Status> RetireVirtualNodes(kube::Client& client, Removal removal) {
  Retirement retirement(client, std::move(removal));
  Status done = co_await retirement.Run();
  co_return done;
}

}  // namespace spillway::cmd
