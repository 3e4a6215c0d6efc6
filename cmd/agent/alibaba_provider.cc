#include "cmd/agent/alibaba_provider.h"

#include <fmt/core.h>

#include <utility>

#include "base/log.h"
#include "cloud/providers/alibaba/provider.h"
#include "cloud/providers/alibaba/token_services.h"
#include "cmd/agent/cloud_flags.h"

DEFINE_string(eci_region, "", "Region of the instances, such as cn-hangzhou. Required. Environment: ECI_REGION.");
DEFINE_string(eci_vswitch, "",
              "VSwitches that instances may be in, one for each zone, at most 10: vsw-a,vsw-b. Required. Environment: "
              "ECI_VSWITCH.");
DEFINE_string(eci_security_group, "", "Security group of the instances. Required. Environment: ECI_SECURITY_GROUP.");
DEFINE_string(eci_vswitch_strategy, "ordered",
              "Which VSwitch comes first: ordered (as given) or random. Zones out of stock are left out for a while.");
DEFINE_string(eci_resource_group, "", "Resource group of the instances.");
DEFINE_string(eci_instance_role, "", "RAM role that programs in the instances have.");
DEFINE_string(eci_instance_types, "",
              "ECS instance types instead of CPU and memory, in order: ecs.c7.large,ecs.c6.large.");
DEFINE_string(eci_spot_strategy, "", "SpotAsPriceGo or SpotWithPriceLimit: spot instances. Empty: none.");
DEFINE_double(eci_spot_price_limit, 0, "The most that one may cost an hour, with SpotWithPriceLimit.");
DEFINE_bool(eci_image_cache, false, "Start instances from image caches that match their images.");
DEFINE_string(eci_endpoint, "https://eci.aliyuncs.com",
              "Address of the service. Within a VPC: https://eci-vpc.<region>.aliyuncs.com.");
DEFINE_string(eci_signature, "v3", "v3 (ACS3-HMAC-SHA256) or v1 (HMAC-SHA1), for gateways that know no newer.");
DEFINE_double(eci_limit_share, 1,
              "Share of the account's rate limits that this agent may use, 0 to 1: with three agents 0.33.");
DEFINE_string(eci_access_key_file, "",
              "File with the AccessKey id, read again when it changes. Without files the key is in the environment: "
              "ECI_ACCESS_KEY, ECI_SECRET_KEY, ECI_SECURITY_TOKEN.");
DEFINE_string(eci_secret_key_file, "", "File with its secret.");
DEFINE_string(eci_security_token_file, "", "File with the token of temporary keys.");
DEFINE_string(eci_machine_role, "",
              "RAM role of the machine that the agent runs on, whose temporary keys it uses; auto: the one it has.");

namespace spillway::cmd {
namespace {

Result<cloud::alibaba::Options> OptionsFromFlags() {
  FromEnvironment(FLAGS_eci_region, "ECI_REGION");
  FromEnvironment(FLAGS_eci_vswitch, "ECI_VSWITCH");
  FromEnvironment(FLAGS_eci_security_group, "ECI_SECURITY_GROUP");
  cloud::alibaba::Options options;
  options.region = FLAGS_eci_region;
  options.security_group = FLAGS_eci_security_group;
  for (const std::string& id : ListOf(FLAGS_eci_vswitch)) options.vswitches.push_back({id, ""});
  for (const auto& [flag, value] :
       {std::pair{"eci-region", FLAGS_eci_region}, std::pair{"eci-vswitch", FLAGS_eci_vswitch},
        std::pair{"eci-security-group", FLAGS_eci_security_group}}) {
    if (value.empty())
      return Fail(Code::kInvalidArgument, fmt::format("--{} is required with --provider=alibabacloud", flag));
  }
  if (options.vswitches.size() > cloud::alibaba::kMaxVSwitches) {
    return Fail(Code::kInvalidArgument, fmt::format("--eci-vswitch: {} VSwitches; ECI takes at most {}",
                                                    options.vswitches.size(), cloud::alibaba::kMaxVSwitches));
  }
  options.resource_group = FLAGS_eci_resource_group;
  options.ram_role = FLAGS_eci_instance_role;
  options.instance_types = FLAGS_eci_instance_types;
  options.matches_image_cache = FLAGS_eci_image_cache;
  options.spot_strategy = FLAGS_eci_spot_strategy;
  options.spot_price_limit = FLAGS_eci_spot_price_limit;
  options.limit_share = FLAGS_eci_limit_share;
  options.uses_rpc_signature = FLAGS_eci_signature == "v1";
  options.strategy = StrategyOf(FLAGS_eci_vswitch_strategy);
  return options;
}

Status CheckChoices() {
  if (auto strategy = CheckStrategy("eci-vswitch-strategy", FLAGS_eci_vswitch_strategy); !strategy) return strategy;
  if (FLAGS_eci_signature != "v1" && FLAGS_eci_signature != "v3")
    return Wanted("eci-signature", FLAGS_eci_signature, "v1 or v3");
  if (auto share = CheckShare("eci-limit-share", FLAGS_eci_limit_share); !share) return share;
  const std::string& spot = FLAGS_eci_spot_strategy;
  if (!spot.empty() && spot != "SpotAsPriceGo" && spot != "SpotWithPriceLimit") {
    return Wanted("eci-spot-strategy", spot, "SpotAsPriceGo or SpotWithPriceLimit");
  }
  if (spot == "SpotWithPriceLimit" && FLAGS_eci_spot_price_limit <= 0) {
    return Fail(Code::kInvalidArgument, "--eci-spot-strategy=SpotWithPriceLimit needs --eci-spot-price-limit");
  }
  return CheckUrl("eci-endpoint", FLAGS_eci_endpoint);
}

class Alibaba final : public OwnedProvider {
 public:
  static Result<std::unique_ptr<OwnedProvider>> Open(Runtime& runtime) {
    auto options = OptionsFromFlags();
    if (!options) return Fail(std::move(options.error()));
    const auto url = net::ParseBaseUrl(FLAGS_eci_endpoint);
    if (!url) return Fail(url.error());
    options->host = HostHeader(*url);
    auto made = std::make_unique<Alibaba>();
    auto client = Connect(runtime, FLAGS_eci_endpoint);
    if (!client) return Fail(std::move(client.error()).Annotated("--eci-endpoint"));
    made->client_ = std::move(*client);
    if (auto found = made->FindCredentials(runtime); !found) return Fail(std::move(found.error()));
    made->provider_ = std::make_unique<cloud::alibaba::EciProvider>(runtime, *made->client_, *made->credentials_,
                                                                    *std::move(options));
    return made;
  }
  cloud::Provider& provider() override { return *provider_; }

 private:
  // Files, then the environment, then what a Pod or a machine is lent.
  Status FindCredentials(Runtime& runtime) {
    const std::string key = EnvironmentValue("ECI_ACCESS_KEY"), secret = EnvironmentValue("ECI_SECRET_KEY");
    const cloud::alibaba::OidcRole oidc{EnvironmentValue("ALIBABA_CLOUD_ROLE_ARN"),
                                        EnvironmentValue("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"),
                                        EnvironmentValue("ALIBABA_CLOUD_OIDC_TOKEN_FILE")};
    if (!FLAGS_eci_access_key_file.empty() && !FLAGS_eci_secret_key_file.empty()) {
      credentials_ = cloud::rest::CredentialFiles(
          {FLAGS_eci_access_key_file, FLAGS_eci_secret_key_file, FLAGS_eci_security_token_file});
    } else if (!key.empty() && !secret.empty()) {
      credentials_ = cloud::rest::FixedCredentials({key, secret, EnvironmentValue("ECI_SECURITY_TOKEN")});
    } else if (!oidc.role_arn.empty() && !oidc.provider_arn.empty() && !oidc.token_file.empty()) {
      auto client = Connect(runtime, "https://sts.aliyuncs.com");
      if (!client) return Fail(std::move(client.error()));
      token_client_ = std::move(*client);
      credentials_ = cloud::alibaba::OidcRoleCredentials(runtime, *token_client_, oidc);
    } else if (!FLAGS_eci_machine_role.empty()) {
      auto client = Connect(runtime, "http://100.100.100.200");
      if (!client) return Fail(std::move(client.error()));
      token_client_ = std::move(*client);
      const std::string role = FLAGS_eci_machine_role == "auto" ? "" : FLAGS_eci_machine_role;
      credentials_ = cloud::alibaba::MachineRoleCredentials(runtime, *token_client_, role);
    } else {
      return Fail(
          Code::kInvalidArgument,
          "no credentials for Alibaba Cloud: set --eci-access-key-file and --eci-secret-key-file, ECI_ACCESS_KEY and "
          "ECI_SECRET_KEY, the variables of RRSA, or --eci-machine-role; see docs/alibaba-eci.md");
    }
    return {};
  }

  std::unique_ptr<net::HttpClient> client_, token_client_;
  std::unique_ptr<cloud::rest::CredentialSource> credentials_;
  std::unique_ptr<cloud::alibaba::EciProvider> provider_;
};

}  // namespace

bool IsAlibaba(std::string_view provider) { return provider == "alibabacloud" || provider == "alibaba"; }

Status CheckAlibabaFlags() {
  if (auto options = OptionsFromFlags(); !options) return Fail(std::move(options.error()));
  return CheckChoices();
}

Result<std::unique_ptr<OwnedProvider>> NewAlibabaProvider(Runtime& runtime) { return Alibaba::Open(runtime); }

}  // namespace spillway::cmd
