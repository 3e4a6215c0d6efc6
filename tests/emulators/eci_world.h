#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/scope.h"
#include "base/sim_runtime.h"
#include "cloud/providers/alibaba/provider.h"
#include "cloud/providers/rest/credentials.h"
#include "tests/emulators/eci/emulator.h"

namespace spillway::emulators {

// The ECI provider and the emulator on virtual time, joined as over HTTP.
class EciWorld {
 public:
  explicit EciWorld(std::uint64_t seed = 5, eci::EmulatorOptions options = {})
      : runtime_(seed), emulator_(runtime_, std::move(options)) {
    log::Quiet();
    client_ = emulator_.NewClient();
  }

  SimRuntime& runtime() { return runtime_; }
  eci::Emulator& emulator() { return emulator_; }
  cloud::alibaba::EciProvider& provider() {
    if (!provider_) provider_ = NewProvider();
    return *provider_;
  }
  // As another agent on the same account has it.
  std::unique_ptr<cloud::alibaba::EciProvider> NewProvider() {
    return std::make_unique<cloud::alibaba::EciProvider>(runtime_, *client_, *credentials_, Options());
  }
  static cloud::alibaba::Options Options() {
    cloud::alibaba::Options options;
    options.region = "cn-emulated";
    options.host = "eci.emulated";
    options.security_group = "sg-1";
    options.vswitches = {{"vsw-a", "cn-emulated-a"}, {"vsw-b", "cn-emulated-b"}};
    return options;
  }
  void Play(Task<void> flow) {
    bool has_ended = false;
    TaskScope scope(runtime_);
    scope.Spawn(Note(std::move(flow), has_ended));
    EXPECT_TRUE(runtime_.RunUntil([&] { return has_ended; }, 1h));
  }
  template <typename T>
  T Get(Task<T> task) {
    std::optional<T> value;
    Play(Keep<T>(std::move(task), value));
    return *std::move(value);
  }

  static cloud::CreateRequest Forever() {
    cloud::CreateRequest request;
    request.pod["spec"]["restartPolicy"] = "Never";
    request.pod["spec"]["containers"].push_back({{"name", "main"}, {"image", "nginx"}});
    return request;
  }
  static cloud::CreateRequest Brief(int exit_code) {
    cloud::CreateRequest request = Forever();
    request.pod["spec"]["containers"][0]["command"] = {"sh", "-c", "sleep 1; exit " + std::to_string(exit_code)};
    return request;
  }

 private:
  static Task<void> Note(Task<void> flow, bool& has_ended) {
    co_await flow;
    has_ended = true;
  }
  template <typename T>
  static Task<void> Keep(Task<T> task, std::optional<T>& value) {
    value.emplace(co_await task);
  }

  SimRuntime runtime_;
  eci::Emulator emulator_;
  std::unique_ptr<net::HttpClient> client_;
  std::unique_ptr<cloud::rest::CredentialSource> credentials_ =
      cloud::rest::FixedCredentials({"emulated-key", "emulated-secret", ""});
  std::unique_ptr<cloud::alibaba::EciProvider> provider_;
};

}  // namespace spillway::emulators
