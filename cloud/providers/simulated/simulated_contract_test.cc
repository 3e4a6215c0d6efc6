#include "base/log.h"
#include "base/scope.h"
#include "base/sim_runtime.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/testing/provider_contract.h"

namespace spillway::cloud {
namespace {

class SimulatedWorld {
 public:
  SimulatedWorld() { log::Quiet(); }
  Runtime& runtime() { return runtime_; }
  Provider& provider() { return *provider_; }
  void Play(Task<void> flow) {
    bool has_ended = false;
    TaskScope scope(runtime_);
    scope.Spawn(Note(std::move(flow), has_ended));
    EXPECT_TRUE(runtime_.RunUntil([&] { return has_ended; }, 1h));
  }

  static CreateRequest Forever() {
    CreateRequest request;
    request.pod["spec"]["restartPolicy"] = "Never";
    request.pod["spec"]["containers"].push_back({{"name", "main"}, {"image", "none"}});
    return request;
  }
  static CreateRequest Brief(int exit_code) {
    CreateRequest request = Forever();
    request.pod["spec"]["containers"][0]["args"] = {std::to_string(exit_code)};
    request.pod["metadata"]["annotations"] = {{"spillway.io/simulated-run-seconds", "1"},
                                              {"spillway.io/simulated-exit-code", std::to_string(exit_code)}};
    return request;
  }

 private:
  static Task<void> Note(Task<void> flow, bool& has_ended) {
    co_await flow;
    has_ended = true;
  }
  SimRuntime runtime_{5};
  SimulatedCloud cloud_{runtime_, {}};
  std::unique_ptr<Provider> provider_ = cloud_.NewProvider();
};

}  // namespace

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, ProviderContract, SimulatedWorld);
}  // namespace testing
}  // namespace spillway::cloud
