#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cloud/files.h"
#include "cloud/providers/process/provider.h"

namespace spillway::cloud::testing {

// The provider `process` with a directory of its own. Real processes on the real clock: each test body is one flow, and
// waits for conditions with a deadline.
class ProcessFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Quiet();
    ::signal(SIGPIPE, SIG_IGN);
    std::string pattern = ::testing::TempDir() + "spillway-process-XXXXXX";  // for mkdtemp
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    OpenProvider();
  }
  void TearDown() override {
    if (provider_) Play(RemoveInstances());  // what runs in them would outlive the test
    provider_.reset();
    RemoveTree(directory_);
  }

  // Anew on the same directory, as after the agent was killed.
  void OpenProvider(std::size_t log_limit = 1 << 20) {
    provider_.reset();
    ProcessProviderOptions options;
    options.state_dir = directory_ + "/state";
    options.instance.pod_ip = "10.1.2.3";
    options.instance.log_limit = log_limit;
    options.poll_interval = std::chrono::milliseconds(5);
    auto opened = ProcessProvider::Open(runtime_, options);
    ASSERT_TRUE(opened) << opened.error().message;
    provider_ = *std::move(opened);
  }

  void Play(Task<void> body) {
    TaskScope scope(runtime_);
    scope.Spawn(ThenStop(std::move(body)));
    runtime_.Run([](int) {});
  }

  base::RealRuntime runtime_;
  std::string directory_;
  std::unique_ptr<ProcessProvider> provider_;
  int next_token_ = 10;

 private:
  Task<void> ThenStop(Task<void> body) {
    co_await body;
    runtime_.Stop();
  }
  Task<void> RemoveInstances() {
    const std::string state = directory_ + "/state";
    for (const std::string& id : ListDirectory(state)) (void)co_await provider_->Delete(id, Duration(0));
    const Instant deadline = runtime_.Now() + std::chrono::seconds(20);
    while (ListDirectory(state).size() > 1 && runtime_.Now() < deadline) {  // the lock stays
      co_await runtime_.SleepFor(std::chrono::milliseconds(5));
    }
  }
};

// A test of the class `fixture` whose body is a flow.
#define FLOW_TEST(fixture, case_name)        \
  class case_name : public fixture {         \
   protected:                                \
    Task<void> Body();                       \
  };                                         \
  TEST_F(case_name, Holds) { Play(Body()); } \
  Task<void> case_name::Body()

}  // namespace spillway::cloud::testing
