#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/scope.h"
#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "controller/controller.h"
#include "controller/testing/scripted_api.h"

namespace spillway::controller::testing {

// kube-scheduler has tried the Pod and found no node.
inline const nlohmann::json kUnschedulable = {
    {"status",
     {{"conditions",
       nlohmann::json::array({{{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}}})}}}};

// A controller on virtual time against an API server that the test plays, with real node "a" (4 cores) and virtual node
// "v".
class RunningController : public ::testing::Test {
 protected:
  RunningController() : runtime_(7), api_(runtime_), metrics_(metrics::Component::kController), flows_(runtime_) {
    log::Quiet();
    api_.AddNode("a", "4");
    api_.AddVirtualNode("v");
  }

  void Start(const std::function<void(ControllerOptions&)>& change = nullptr) {
    ControllerOptions options;
    options.identity = "me";
    if (change) change(options);
    controller_ = std::make_unique<Controller>(runtime_, api_.transport(), std::move(options), metrics_);
    controller_->Start([this](std::string why) { lost_ = std::move(why); });
    runtime_.RunFor(std::chrono::seconds(1));
    ASSERT_TRUE(controller_->Ready()) << controller_->Ready().error().message;
  }

  // "default/p>v", in the order sent.
  std::vector<std::string> BoundPods() const {
    std::vector<std::string> pods;
    for (const auto& bind : api_.binds) pods.push_back(bind.pod + ">" + bind.node);
    return pods;
  }
  // "default/p OverflowScheduled", in the order written.
  std::vector<std::string> Reasons() const {
    std::vector<std::string> reasons;
    for (const auto& event : api_.events) reasons.push_back(event.pod + " " + event.reason);
    return reasons;
  }
  double Binds(const char* result) const { return metrics_.Value(metrics::Id::kBinds, {result, "v"}); }

  // As kube-scheduler writes it.
  static nlohmann::json Marked(const std::string& message) {
    return {{"status",
             {{"conditions", nlohmann::json::array({{{"type", "PodScheduled"},
                                                     {"status", "False"},
                                                     {"reason", "Unschedulable"},
                                                     {"message", message}}})}}}};
  }
  void Mark(const std::string& pod, const std::string& message) {
    nlohmann::json object = api_.Get("pods", pod);
    object.merge_patch(Marked(message));
    api_.Put("pods", std::move(object));
  }

  Result<std::string> Ask(const std::string& pod, ExplainDetail detail = ExplainDetail::kGroups) {
    auto answer = spillway::testing::Await(runtime_, controller_->Explain("default", pod, detail));
    return answer ? std::move(*answer) : Result<std::string>(Fail(Code::kDeadlineExceeded, "no answer"));
  }
  nlohmann::json Explained(const std::string& pod, ExplainDetail detail = ExplainDetail::kGroups) {
    const Result<std::string> answer = Ask(pod, detail);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? nlohmann::json::parse(*answer) : nlohmann::json();
  }

  SimRuntime runtime_;
  ScriptedApi api_;
  metrics::Registry metrics_;
  std::unique_ptr<Controller> controller_;
  std::string lost_;  // why the lease was
  TaskScope flows_;
};

}  // namespace spillway::controller::testing
