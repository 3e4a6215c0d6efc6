#include "cmd/demo/emulated_cloud.h"

#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "cloud/providers/alibaba/provider.h"
#include "cloud/providers/rest/credentials.h"
#include "cloud/providers/tencent/provider.h"
#include "cmd/agent/cloud_flags.h"
#include "cmd/demo/emulator_process.h"

namespace spillway::cmd {
namespace {

// What is there in the emulators, and who may ask: EmulatorOptions of both.
struct Eci {
  using Provider = cloud::alibaba::EciProvider;
  static cloud::alibaba::Options Options() {
    cloud::alibaba::Options options;
    options.region = "cn-emulated";
    options.vswitches = {{"vsw-a", "cn-emulated-a"}, {"vsw-b", "cn-emulated-b"}};
    options.security_group = "sg-1";
    return options;
  }
  static cloud::rest::Credential Key() { return {"emulated-key", "emulated-secret", ""}; }
};
struct Eksci {
  using Provider = cloud::tencent::EksciProvider;
  static cloud::tencent::Options Options() {
    cloud::tencent::Options options;
    options.region = "ap-emulated";
    options.vpc = "vpc-1";
    options.subnets = {{"subnet-a", "ap-emulated-1"}, {"subnet-b", "ap-emulated-2"}};
    options.security_groups = {"sg-1"};
    return options;
  }
  static cloud::rest::Credential Key() { return {"emulated-id", "emulated-secret", ""}; }
};

template <class Cloud>
class Emulated final : public EmulatedCloud {
 public:
  static Result<std::unique_ptr<EmulatedCloud>> Open(Runtime& runtime, std::unique_ptr<EmulatorProcess> process) {
    const auto url = net::ParseBaseUrl(process->url());
    if (!url) return Fail(url.error());
    auto client = Connect(runtime, process->url());
    if (!client) return Fail(std::move(client.error()));
    return std::unique_ptr<EmulatedCloud>(
        new Emulated(runtime, std::move(process), *std::move(client), HostHeader(*url)));
  }
  std::unique_ptr<cloud::Provider> NewProvider() override {
    auto options = Cloud::Options();
    options.host = host_;
    return std::make_unique<typename Cloud::Provider>(runtime_, *client_, *credentials_, std::move(options));
  }
  const std::string& url() const override { return process_->url(); }

 private:
  Emulated(Runtime& runtime, std::unique_ptr<EmulatorProcess> process, std::unique_ptr<net::HttpClient> client,
           std::string host)
      : runtime_(runtime), process_(std::move(process)), client_(std::move(client)), host_(std::move(host)) {}

  Runtime& runtime_;
  std::unique_ptr<EmulatorProcess> process_;
  std::unique_ptr<net::HttpClient> client_;
  std::unique_ptr<cloud::rest::CredentialSource> credentials_ = cloud::rest::FixedCredentials(Cloud::Key());
  std::string host_;
};

std::string BesideThisBinary(const std::string& file) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).replace_filename(file).string();
}

}  // namespace

bool EmulatedCloud::IsName(const std::string& name) { return name == "eci" || name == "eksci"; }

Result<std::unique_ptr<EmulatedCloud>> EmulatedCloud::Start(Runtime& runtime, const std::string& name,
                                                            std::string program) {
  if (program.empty()) program = BesideThisBinary(name + "_server");
  if (access(program.c_str(), X_OK) != 0) {
    return Fail(Code::kNotFound,
                fmt::format("no emulator of {} at {}: build it with `make demo CLOUD={}`, or say where "
                            "one is with --cloud-emulator",
                            name, program, name));
  }
  auto process = EmulatorProcess::Start(program);
  if (!process) return Fail(std::move(process.error()));
  return name == "eci" ? Emulated<Eci>::Open(runtime, *std::move(process))
                       : Emulated<Eksci>::Open(runtime, *std::move(process));
}

}  // namespace spillway::cmd
