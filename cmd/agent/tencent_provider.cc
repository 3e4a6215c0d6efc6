#include "cmd/agent/tencent_provider.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>

#include "cloud/providers/tencent/provider.h"
#include "cloud/providers/tencent/token_services.h"
#include "cmd/agent/cloud_flags.h"

DEFINE_string(eksci_region, "",
              "Region of the instances, such as ap-guangzhou. Required. Environment: TENCENTCLOUD_REGION.");
DEFINE_string(eksci_vpc, "", "VPC of the instances: vpc-a. Required.");
DEFINE_string(eksci_subnets, "",
              "Subnets that instances may be in, each with its zone where it is to be told: "
              "subnet-a:ap-guangzhou-3,subnet-b. Required.");
DEFINE_string(eksci_security_groups, "", "Security groups of the instances: sg-a,sg-b. Required.");
DEFINE_string(eksci_subnet_strategy, "ordered",
              "Which subnet comes first: ordered (as given) or random. Those out of stock are left out for a while.");
DEFINE_string(eksci_cpu_type, "", "intel, amd, or both in order: amd,intel. Empty: whichever there is.");
DEFINE_string(eksci_instance_role, "", "CAM role that programs in the instances have.");
DEFINE_string(eksci_endpoint, "https://tke.tencentcloudapi.com",
              "Address of the service. Within Tencent Cloud: https://tke.internal.tencentcloudapi.com.");
DEFINE_double(eksci_limit_share, 1,
              "Share of the account's rate limits that this agent may use, 0 to 1: with three agents 0.33.");
DEFINE_string(eksci_secret_id_file, "",
              "File with the SecretId, read again when it changes. Without files the key is in the environment: "
              "TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY, TENCENTCLOUD_SESSION_TOKEN.");
DEFINE_string(eksci_secret_key_file, "", "File with the SecretKey.");
DEFINE_string(eksci_token_file, "", "File with the token of temporary keys.");
DEFINE_string(eksci_machine_role, "",
              "CAM role of the machine that the agent runs on, whose temporary keys it uses; auto: the one it has.");

namespace spillway::cmd {
namespace {

// "subnet-a:ap-guangzhou-3"
cloud::rest::Subnet SubnetFrom(const std::string& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  return {text.substr(0, colon), colon < text.size() ? text.substr(colon + 1) : ""};
}

Result<cloud::tencent::Options> EksciOptions() {
  FromEnvironment(FLAGS_eksci_region, "TENCENTCLOUD_REGION");
  for (const auto& [flag, value] :
       {std::pair{"eksci-region", FLAGS_eksci_region}, std::pair{"eksci-vpc", FLAGS_eksci_vpc},
        std::pair{"eksci-subnets", FLAGS_eksci_subnets},
        std::pair{"eksci-security-groups", FLAGS_eksci_security_groups}}) {
    if (value.empty())
      return Fail(Code::kInvalidArgument, fmt::format("--{} is required with --provider=tencentcloud", flag));
  }
  cloud::tencent::Options options;
  options.region = FLAGS_eksci_region;
  options.vpc = FLAGS_eksci_vpc;
  for (const std::string& subnet : ListOf(FLAGS_eksci_subnets)) options.subnets.push_back(SubnetFrom(subnet));
  options.security_groups = ListOf(FLAGS_eksci_security_groups);
  options.strategy = StrategyOf(FLAGS_eksci_subnet_strategy);
  options.cpu_type = FLAGS_eksci_cpu_type;
  options.role = FLAGS_eksci_instance_role;
  options.limit_share = FLAGS_eksci_limit_share;
  return options;
}

class Tencent final : public OwnedProvider {
 public:
  static Result<std::unique_ptr<OwnedProvider>> Open(Runtime& runtime) {
    auto options = EksciOptions();
    if (!options) return Fail(std::move(options.error()));
    const auto url = net::ParseBaseUrl(FLAGS_eksci_endpoint);
    if (!url) return Fail(url.error());
    options->host = HostHeader(*url);
    auto made = std::make_unique<Tencent>();
    auto client = Connect(runtime, FLAGS_eksci_endpoint);
    if (!client) return Fail(std::move(client.error()).Annotated("--eksci-endpoint"));
    made->client_ = std::move(*client);
    if (auto found = made->FindCredentials(runtime); !found) return Fail(std::move(found.error()));
    made->provider_ = std::make_unique<cloud::tencent::EksciProvider>(runtime, *made->client_, *made->credentials_,
                                                                      *std::move(options));
    return made;
  }
  cloud::Provider& provider() override { return *provider_; }

 private:
  // Files, then the environment, then what a machine is lent.
  Status FindCredentials(Runtime& runtime) {
    const std::string id = EnvironmentValue("TENCENTCLOUD_SECRET_ID"),
                      key = EnvironmentValue("TENCENTCLOUD_SECRET_KEY");
    if (!FLAGS_eksci_secret_id_file.empty() && !FLAGS_eksci_secret_key_file.empty()) {
      credentials_ = cloud::rest::CredentialFiles(
          {FLAGS_eksci_secret_id_file, FLAGS_eksci_secret_key_file, FLAGS_eksci_token_file});
    } else if (!id.empty() && !key.empty()) {
      credentials_ = cloud::rest::FixedCredentials({id, key, EnvironmentValue("TENCENTCLOUD_SESSION_TOKEN")});
    } else if (!FLAGS_eksci_machine_role.empty()) {
      auto client = Connect(runtime, "http://metadata.tencentyun.com");
      if (!client) return Fail(std::move(client.error()));
      metadata_ = std::move(*client);
      const std::string role = FLAGS_eksci_machine_role == "auto" ? "" : FLAGS_eksci_machine_role;
      credentials_ = cloud::tencent::MachineRoleCredentials(runtime, *metadata_, role);
    } else {
      return Fail(Code::kInvalidArgument,
                  "no credentials for Tencent Cloud: set --eksci-secret-id-file and --eksci-secret-key-file, "
                  "TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or --eksci-machine-role; see "
                  "docs/tencent-eksci.md");
    }
    return {};
  }

  std::unique_ptr<net::HttpClient> client_, metadata_;
  std::unique_ptr<cloud::rest::CredentialSource> credentials_;
  std::unique_ptr<cloud::tencent::EksciProvider> provider_;
};

}  // namespace

bool IsTencent(std::string_view provider) {
  return provider == "tencentcloud" || provider == "tencent" || provider == "tke";
}

Status CheckTencentFlags() {
  if (auto options = EksciOptions(); !options) return Fail(std::move(options.error()));
  if (auto strategy = CheckStrategy("eksci-subnet-strategy", FLAGS_eksci_subnet_strategy); !strategy) return strategy;
  if (auto share = CheckShare("eksci-limit-share", FLAGS_eksci_limit_share); !share) return share;
  return CheckUrl("eksci-endpoint", FLAGS_eksci_endpoint);
}

Result<std::unique_ptr<OwnedProvider>> NewTencentProvider(Runtime& runtime) { return Tencent::Open(runtime); }

}  // namespace spillway::cmd
