#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "controller/controller.h"
#include "controller/testing/scripted_api.h"

namespace spillway::controller::testing {

// A controller on virtual time against an API server that the test plays, with real node "a" (4 cores) and virtual node
// "v".
class RunningController : public ::testing::Test {
 protected:
  RunningController() : runtime_(7), api_(runtime_), metrics_(metrics::Component::kController) {
    log::Quiet();
    api_.AddNode("a", "4");
    api_.AddVirtualNode("v");
  }

  void Start(const std::function<void(ControllerOptions&)>& change = nullptr) {
    ControllerOptions options;
    options.identity = "me";
    if (change) change(options);
    controller_ = std::make_unique<Controller>(runtime_, api_.transport(), std::move(options), metrics_);
    controller_->Start();
    runtime_.RunFor(std::chrono::seconds(1));
    ASSERT_TRUE(controller_->Ready()) << controller_->Ready().error().message;
  }

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
};

}  // namespace spillway::controller::testing
