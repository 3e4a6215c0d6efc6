#include "cloud/agent/pod_resolver.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "cloud/agent/api_token.h"
#include "cloud/agent/client_token.h"
#include "cloud/agent/input_reader.h"
#include "cloud/agent/node_capabilities.h"
#include "cloud/agent/node_dns.h"
#include "cloud/agent/pod_claims.h"
#include "cloud/agent/pod_dns.h"
#include "cloud/agent/pod_environment.h"
#include "cloud/agent/pod_volumes.h"

namespace spillway::cloud {
namespace {

constexpr char kDockerConfigJson[] = ".dockerconfigjson", kDockerCfg[] = ".dockercfg";

std::string PathIn(const std::string& ns, const char* resource, const std::string& name) {
  return fmt::format("/api/v1/namespaces/{}/{}/{}", kube::UrlEncode(ns), resource, kube::UrlEncode(name));
}
std::string InputPath(const std::string& ns, const InputKey& key) {
  return PathIn(ns, key.kind == InputKey::Kind::kSecret ? "secrets" : "configmaps", key.name);
}

// One Pod's reads. Each step is a flow whose error ends the whole.
class PodReads {
 public:
  PodReads(AgentContext& context, const Json& pod)
      : context_(context), pod_(pod), ns_(TextAt(pod, "metadata", "namespace")) {}

  Task<InputResult<Inputs>> ReadInputs() {
    Inputs inputs;
    const std::vector<InputKey> keys = InputsOf(pod_);
    for (const InputKey& key : keys) {
      Result<InputReader::Object> object = co_await context_.inputs.Get(InputPath(ns_, key));
      if (object) {
        inputs.emplace(key, *std::move(object));
      } else if (object.error().code == Code::kPermissionDenied) {
        InputNotice notice{fmt::format("FailedToRead{}", KindName(key.kind)),
                           fmt::format("The agent may not read {} {}/{}: {}", KindName(key.kind), ns_, key.name,
                                       object.error().message)};
        co_return tl::unexpected(std::move(notice));
      } else if (object.error().code != Code::kNotFound) {
        log::Warning("cannot read what a Pod refers to", {{"why", object.error().message}});
        co_return tl::unexpected(InputNotice{});
      }
    }
    co_return inputs;
  }

  // The Pod with what it claims in its claims' place.
  Task<InputResult<Json>> PlaceClaims(std::vector<InputNotice>& notices) {
    const ProviderCapabilities can = NodeCapabilities(context_.provider, context_.options);
    Json pod = pod_;
    for (std::size_t i = 0; i < Items(At(pod_, "spec", "volumes")).size(); ++i) {
      const Json& volume = pod_["spec"]["volumes"][i];
      if (ClaimOf(volume).empty()) continue;
      auto claim = co_await ReadForVolume(volume, PathIn(ns_, "persistentvolumeclaims", ClaimOf(volume)));
      if (!claim) co_return tl::unexpected(std::move(claim).error());
      auto name = BoundVolume(volume, **claim);
      if (!name) co_return tl::unexpected(std::move(name).error());
      auto held = co_await ReadForVolume(volume, "/api/v1/persistentvolumes/" + kube::UrlEncode(*name));
      if (!held) co_return tl::unexpected(std::move(held).error());
      auto placed = VolumeInPlace(volume, **claim, **held, can.features);
      if (!placed) co_return tl::unexpected(std::move(placed).error());
      pod["spec"]["volumes"][i] = *std::move(placed);
      if (IsTrue(At(volume, "persistentVolumeClaim", "readOnly"))) MountReadOnly(pod, TextAt(volume, "name"));
      if (Items(At(**held, "spec", "mountOptions")).empty()) continue;
      notices.push_back({"MountOptionsOmitted", fmt::format("The mountOptions of PersistentVolume {} are left out: {} "
                                                            "mounts as the cloud does",
                                                            *name, context_.provider.name())});
    }
    co_return pod;
  }

  Task<InputResult<Tokens>> RequestTokens(Tokens tokens) {
    const std::vector<TokenKey> keys = TokensOf(pod_);
    for (const TokenKey& key : keys) {
      const auto known = tokens.find(key);
      if (known != tokens.end() && context_.runtime.WallNow() < known->second.refresh_at()) continue;
      Result<ServiceAccountToken> token = co_await context_.inputs.RequestToken(pod_, key);
      if (!token) {
        if (base::IsTransient(token.error())) co_return tl::unexpected(InputNotice{});
        InputNotice notice{kFailedMount,
                           fmt::format("MountVolume.SetUp failed for volume \"{}\" : failed to fetch token: {}",
                                       VolumeWithToken(), token.error().message)};
        co_return tl::unexpected(std::move(notice));
      }
      tokens.insert_or_assign(key, *std::move(token));
    }
    co_return tokens;
  }

  // The services whose variables the Pod gets. What may not be listed is told and left out: not every Pod needs them.
  Task<InputResult<std::vector<ServiceInfo>>> ReadServices(std::vector<InputNotice>& notices) {
    std::vector<ServiceInfo> needed;
    const Json& links = At(pod_, "spec", "enableServiceLinks");
    const bool wants_links = links.is_null() || IsTrue(links);
    const ServiceInfo& fixed = context_.options.pod_api_server;
    if (fixed.has_address()) needed.push_back(fixed);
    if (!wants_links && fixed.has_address()) co_return needed;
    Result<std::vector<ServiceInfo>> listed = co_await context_.inputs.services().Of(ns_);
    if (!listed && listed.error().code != Code::kPermissionDenied) {
      log::Warning("cannot read the services", {{"why", listed.error().message}});
      co_return tl::unexpected(InputNotice{});
    }
    if (!listed) {
      notices.push_back({"FailedToReadServices", fmt::format("The agent may not list Services, whose variables are "
                                                             "left out: {}",
                                                             listed.error().message)});
      co_return needed;
    }
    for (ServiceInfo& service : *listed) {
      if (IsMasterService(service) ? !fixed.has_address() : wants_links) needed.push_back(std::move(service));
    }
    co_return needed;
  }

  // A Secret that is missing or no good is told, and left out: the image may be had without.
  Task<InputResult<std::vector<RegistryCredential>>> ReadRegistries(std::vector<InputNotice>& notices) {
    std::vector<RegistryCredential> all;
    if (!context_.provider.pulls_images()) co_return all;
    const std::vector<std::string> names = co_await PullSecrets();
    std::vector<std::string> failed;
    for (const std::string& name : names) {
      Result<InputReader::Object> secret = co_await context_.inputs.Get(PathIn(ns_, "secrets", name));
      if (!secret && base::IsTransient(secret.error())) co_return tl::unexpected(InputNotice{});
      auto read = secret ? ReadCredentials(**secret) : Result<std::vector<RegistryCredential>>(Fail(secret.error()));
      if (read) {
        for (RegistryCredential& credential : *read) all.push_back(std::move(credential));
      } else {
        failed.push_back(name);
      }
    }
    if (!failed.empty()) {
      notices.push_back({"FailedToRetrieveImagePullSecret",
                         fmt::format("Unable to retrieve some image pull secrets ({}); attempting to pull the image "
                                     "may not succeed.",
                                     fmt::join(failed, ", "))});
    }
    co_return all;
  }

 private:
  Task<InputResult<InputReader::Object>> ReadForVolume(const Json& volume, std::string path) {
    Result<InputReader::Object> object = co_await context_.inputs.Get(std::move(path));
    if (object) co_return *std::move(object);
    if (base::IsTransient(object.error())) co_return tl::unexpected(InputNotice{});
    co_return tl::unexpected(CannotMount(volume, object.error().message));
  }

  std::string VolumeWithToken() const {
    for (const Json& volume : Items(At(pod_, "spec", "volumes"))) {
      for (const Json& source : Items(At(volume, "projected", "sources"))) {
        if (!At(source, "serviceAccountToken").is_null()) return TextAt(volume, "name");
      }
    }
    return "";
  }

  // The Pod's own; those of its ServiceAccount where it has none, as the admission plugin would have had it.
  Task<std::vector<std::string>> PullSecrets() {
    std::vector<std::string> names;
    const auto take = [&names](const Json& list) {
      for (const Json& ref : Items(list)) {
        if (const std::string name = TextAt(ref, "name"); !name.empty()) names.push_back(name);
      }
    };
    take(At(pod_, "spec", "imagePullSecrets"));
    const std::string account = TextAt(pod_, "spec", "serviceAccountName");
    if (!names.empty() || account.empty()) co_return names;
    Result<InputReader::Object> found = co_await context_.inputs.Get(PathIn(ns_, "serviceaccounts", account));
    if (found) take(At(**found, "imagePullSecrets"));
    co_return names;
  }

  static Result<std::vector<RegistryCredential>> ReadCredentials(const Json& secret) {
    if (const auto text = DataOf(secret, InputKey::Kind::kSecret, kDockerConfigJson)) {
      return ParseDockerConfigJson(*text);
    }
    if (const auto text = DataOf(secret, InputKey::Kind::kSecret, kDockerCfg)) return ParseDockerCfg(*text);
    return Fail(Code::kMalformed, "neither .dockerconfigjson nor .dockercfg");
  }

  AgentContext& context_;
  const Json& pod_;
  const std::string ns_;
};

// What the digest knows of an input: which version it was, nothing of what it said.
std::vector<std::string> VersionsOf(const Inputs& inputs) {
  std::vector<std::string> versions;
  for (const auto& [key, object] : inputs) {
    versions.push_back(fmt::format("{}/{} {} {}", KindName(key.kind), key.name, TextAt(*object, "metadata", "uid"),
                                   TextAt(*object, "metadata", "resourceVersion")));
  }
  return versions;
}

}  // namespace

Task<InputResult<ResolvedRequest>> ResolveRequest(AgentContext& context, Json pod, std::string host_ip) {
  ResolvedRequest resolved;
  if (context.options.omit_api_token && LeaveOutApiToken(pod)) {
    resolved.notices.push_back({"ApiTokenOmitted",
                                "The volume with the API server's token is left out: instances of this node have no "
                                "such volumes; automountServiceAccountToken: false says that it is not needed"});
  }
  PodReads reads(context, pod);
  auto placed = co_await reads.PlaceClaims(resolved.notices);
  if (!placed) co_return tl::unexpected(std::move(placed).error());
  pod = *std::move(placed);
  auto inputs = co_await reads.ReadInputs();
  if (!inputs) co_return tl::unexpected(std::move(inputs).error());
  auto services = co_await reads.ReadServices(resolved.notices);
  if (!services) co_return tl::unexpected(std::move(services).error());
  const auto variables = ServiceVariables(*services);
  auto environment = ResolveEnvironment(pod, *inputs, host_ip, variables, context.options.capacity);
  if (!environment) co_return tl::unexpected(std::move(environment).error());
  auto registries = co_await reads.ReadRegistries(resolved.notices);
  if (!registries) co_return tl::unexpected(std::move(registries).error());
  Tokens none;
  auto tokens = co_await reads.RequestTokens(std::move(none));
  if (!tokens) co_return tl::unexpected(std::move(tokens).error());
  auto volumes = ResolveVolumes(pod, *inputs, *tokens, context.options.capacity);
  if (!volumes) co_return tl::unexpected(std::move(volumes).error());
  resolved.tokens = *std::move(tokens);
  co_await context.node_dns.Known();
  ClusterDns dns{context.options.cluster_dns, context.options.cluster_domain, context.node_dns.conf()};

  CreateRequest& request = resolved.request;
  request.identity = {context.options.cluster_id, context.options.node_name, TextAt(pod, "metadata", "uid"),
                      TextAt(pod, "metadata", "namespace"), TextAt(pod, "metadata", "name")};
  request.pod = std::move(environment->pod);
  request.volumes = *std::move(volumes);
  request.registries = *std::move(registries);
  request.network = ResolveNetwork(pod, dns, resolved.notices);
  if (auto notice = WhyNoSandbox(request.network)) co_return tl::unexpected(*std::move(notice));
  for (InputNotice& notice : environment->notices) resolved.notices.push_back(std::move(notice));

  std::vector<std::string> beside = VersionsOf(*inputs);
  beside.push_back(host_ip);
  for (const auto& [name, value] : variables) beside.push_back(name + "=" + value);
  beside.push_back(ResolvConfText(request.network.resolv_conf));
  resolved.digest = RequestDigest(pod, beside);
  co_return resolved;
}

Task<InputResult<std::vector<PodVolume>>> ResolveCurrentVolumes(AgentContext& context, Json pod, Tokens& tokens) {
  if (context.options.omit_api_token) LeaveOutApiToken(pod);
  PodReads reads(context, pod);
  auto inputs = co_await reads.ReadInputs();
  if (!inputs) co_return tl::unexpected(std::move(inputs).error());
  auto fresh = co_await reads.RequestTokens(tokens);
  if (!fresh) co_return tl::unexpected(std::move(fresh).error());
  tokens = *std::move(fresh);
  co_return ResolveVolumes(pod, *inputs, tokens, context.options.capacity);
}

}  // namespace spillway::cloud
