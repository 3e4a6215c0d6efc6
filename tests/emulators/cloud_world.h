#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/scope.h"
#include "base/sim_runtime.h"
#include "cloud/provider.h"
#include "cloud/providers/rest/credentials.h"
#include "net/http_client.h"

namespace spillway::emulators {

// A provider and its cloud's emulator on virtual time, joined as over HTTP.
//
//   struct Cloud {
//     using Emulator, EmulatorOptions, Faults, Provider, Options;
//     static constexpr const char* kPollApi;           // what tells of changes
//     static Options ProviderOptions();
//     static cloud::rest::Credential Key();
//     using Hosted;                                    // an element of Emulator::Live()
//     static std::string UidOf(const Hosted& hosted);  // of its Pod
//     static void MakeTrouble(Faults& faults);         // all that agents have to live with
//     static void HideAll(Faults& faults, bool hides); // as for those who may see nothing
//     static constexpr bool kNeverTwo;                 // not even for a moment, of one Pod
//   };
template <class Cloud>
class CloudWorld {
 public:
  explicit CloudWorld(std::uint64_t seed = 5, typename Cloud::EmulatorOptions options = {})
      : runtime_(seed), emulator_(runtime_, std::move(options)) {
    log::Quiet();
    client_ = emulator_.NewClient();
  }

  SimRuntime& runtime() { return runtime_; }
  typename Cloud::Emulator& emulator() { return emulator_; }
  typename Cloud::Provider& provider() {
    if (!provider_) provider_ = NewProvider();
    return *provider_;
  }
  // Of the provider, from its first use on.
  void UseOptions(typename Cloud::Options options) {
    provider_ = std::make_unique<typename Cloud::Provider>(runtime_, *client_, *credentials_, std::move(options));
  }
  // As another agent on the same account has it.
  std::unique_ptr<typename Cloud::Provider> NewProvider() {
    return std::make_unique<typename Cloud::Provider>(runtime_, *client_, *credentials_, Options());
  }
  static typename Cloud::Options Options() { return Cloud::ProviderOptions(); }
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
  typename Cloud::Emulator emulator_;
  std::unique_ptr<net::HttpClient> client_;
  std::unique_ptr<cloud::rest::CredentialSource> credentials_ = cloud::rest::FixedCredentials(Cloud::Key());
  std::unique_ptr<typename Cloud::Provider> provider_;
};

}  // namespace spillway::emulators
