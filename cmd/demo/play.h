#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "base/task.h"
#include "cmd/demo/cluster.h"
#include "cmd/demo/narrator.h"

namespace spillway::cmd {

// Plays the three walk-throughs, one after the other, each on a cluster laid out for it, and checks how each ends.
class DemoPlay {
 public:
  // Both outlive this.
  DemoPlay(Runtime& runtime, DemoCluster& cluster, Narrator& narrator);

  Task<void> Run();
  // What did not end as it should, one line each.
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  Task<void> PlayW1();
  Task<void> PlayW2();
  Task<void> PlayW3();
  Task<void> PlayFreeSlots();

  // Waits until `done` holds; notes a failure of `what` at the limit.
  Task<bool> Await(std::string what, Duration limit, std::function<bool()> done);
  Task<bool> AddNode(std::string name, DemoCluster::ProviderKind kind);
  // kubectl apply -n NAMESPACE -f manifests/walkthrough/NAME.yaml
  bool Apply(const std::string& manifest, const std::string& ns);
  Task<void> DeleteNamespace(std::string ns);
  void CreateNamespace(const std::string& ns);
  Task<void> ShowPods(std::string ns);
  Task<std::string> FetchLog(std::string ns, std::string pod);
  void ShowPi(const std::string& log);
  void ShowEvents(const std::string& ns, const std::string& pod);

  std::vector<sandbox::Json> Pods(const std::string& ns) const;
  bool AllReady(const std::string& ns, std::size_t count) const;
  void Expect(bool holds, const std::string& what);
  void CheckExplained(const std::string& ns);

  Runtime& runtime_;
  DemoCluster& cluster_;
  Narrator& narrator_;
  std::vector<std::string> failures_;
};

}  // namespace spillway::cmd
