#include "cloud/testing/process_fixture.h"
#include "cloud/testing/provider_contract.h"

namespace spillway::cloud {
namespace {

class ProcessWorld final : public testing::ProcessFixture {
 public:
  ProcessWorld() { SetUp(); }
  ~ProcessWorld() override { TearDown(); }
  Runtime& runtime() { return runtime_; }
  Provider& provider() { return *provider_; }
  using ProcessFixture::Play;

  static CreateRequest Forever() { return Running("trap '' TERM; while :; do sleep 1; done"); }
  static CreateRequest Brief(int exit_code) { return Running("exit " + std::to_string(exit_code)); }

 private:
  static CreateRequest Running(const std::string& script) {
    CreateRequest request;
    request.network.hostname = "pod";
    request.pod["spec"]["restartPolicy"] = "Never";
    request.pod["spec"]["containers"].push_back(
        {{"name", "main"}, {"image", "none"}, {"command", {"sh", "-c", script}}});
    return request;
  }
  void TestBody() override {}
};

}  // namespace

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Process, ProviderContract, ProcessWorld);
}  // namespace testing
}  // namespace spillway::cloud
