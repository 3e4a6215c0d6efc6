#include "cloud/providers/alibaba/create_parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "cloud/json.h"
#include "cloud/pod_resources.h"
#include "cloud/providers/alibaba/ack_annotations.h"
#include "cloud/providers/alibaba/container_parameters.h"
#include "cloud/providers/alibaba/parameter_writer.h"
#include "cloud/providers/alibaba/sizes.h"

namespace spillway::cloud::alibaba {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";
constexpr int kDefaultGraceSeconds = 30;

std::string WithoutHyphensAround(std::string text) {
  text.erase(0, std::min(text.find_first_not_of('-'), text.size()));
  while (text.ends_with('-')) text.pop_back();
  return text;
}

// ---- where, and how large

Status WriteSize(const ParameterWriter& writer, const Json& pod, const Options& options) {
  const std::string types = InstanceTypesOf(pod, options);
  if (!types.empty()) {
    writer.Set("InstanceType", types);
    return {};
  }
  const ResourceAmounts asked = PodRequests(pod);
  if (const auto gpu = asked.find(kGpu); gpu != asked.end() && !gpu->second.is_zero()) {
    return Inexpressible(
        fmt::format("{} needs an instance type with GPUs: annotation k8s.aliyun.com/eci-use-specs", kGpu));
  }
  const auto found = rest::SizeFor(pod, EciSizes(), "ECI");
  if (!found) return Fail(found.error());
  const std::optional<rest::InstanceSize>& size = *found;
  if (!size) return {};  // ECI's own default, 2 vCPU and 4 GiB
  writer.SetFloat("Cpu", static_cast<double>(size->cpu_milli) / 1000);
  writer.SetFloat("Memory", static_cast<double>(size->memory_bytes) / kGiB);
  return {};
}

Status WriteSpot(const ParameterWriter& writer, const Json& pod, const Options& options) {
  const std::string strategy = SpotStrategyOf(pod, options);
  if (strategy.empty()) return {};
  if (strategy != "SpotAsPriceGo" && strategy != "SpotWithPriceLimit") {
    return Inexpressible(
        fmt::format("k8s.aliyun.com/eci-spot-strategy: {}: want SpotAsPriceGo or SpotWithPriceLimit", strategy));
  }
  writer.Set("SpotStrategy", strategy);
  if (strategy == "SpotAsPriceGo") return {};
  const std::string limit = AckAnnotation(pod, "eci-spot-price-limit");
  if (!limit.empty()) {
    writer.Set("SpotPriceLimit", limit);
  } else if (options.spot_price_limit > 0) {
    writer.SetFloat("SpotPriceLimit", options.spot_price_limit);
  } else {
    return Inexpressible("SpotWithPriceLimit without a limit: k8s.aliyun.com/eci-spot-price-limit");
  }
  return {};
}

Status WritePlace(const ParameterWriter& writer, const Json& pod, const Options& options,
                  const std::vector<std::string>& vswitch_ids) {
  writer.Set("RegionId", options.region);
  const std::string vswitches = AckAnnotation(pod, "eci-vswitch", fmt::format("{}", fmt::join(vswitch_ids, ",")));
  writer.Set("VSwitchId", vswitches);
  if (vswitches.find(',') != std::string::npos) {
    const bool is_random = options.strategy == rest::ZoneRotation::Strategy::kRandom;
    writer.Set("ScheduleStrategy",
               AckAnnotation(pod, "eci-schedule-strategy", is_random ? "VSwitchRandom" : "VSwitchOrdered"));
  }
  writer.SetUnlessEmpty("SecurityGroupId", AckAnnotation(pod, "eci-security-group", options.security_group));
  writer.SetUnlessEmpty("ResourceGroupId", AckAnnotation(pod, "eci-resource-group-id", options.resource_group));
  writer.SetUnlessEmpty("RamRoleName", AckAnnotation(pod, "eci-ram-role-name", options.ram_role));
  if (AckAnnotation(pod, "eci-image-cache", options.matches_image_cache ? "true" : "") == "true") {
    writer.SetBool("AutoMatchImageCache", true);
  }
  if (auto spot = WriteSpot(writer, pod, options); !spot) return spot;
  return WriteSize(writer, pod, options);
}

// ---- the Pod's own

void WriteLongTag(rest::Parameters& parameters, int& number, const std::string& key, const std::string& value) {
  AddTag(parameters, number, key, value.substr(0, kMaxTagValue));
  if (value.size() > kMaxTagValue) AddTag(parameters, number, key + "-2", value.substr(kMaxTagValue));
}

void WriteTags(rest::Parameters& parameters, const InstanceIdentity& identity) {
  int number = 1;
  AddTag(parameters, number, kClusterTag, identity.cluster_id);
  WriteLongTag(parameters, number, kNodeTag, identity.node_name);
  AddTag(parameters, number, kNamespaceTag, identity.pod_namespace);
  WriteLongTag(parameters, number, kPodTag, identity.pod_name);
  AddTag(parameters, number, kUidTag, identity.pod_uid);
}

void WriteDns(const ParameterWriter& writer, const PodNetwork& network) {
  const ResolvConf& conf = network.resolv_conf;
  writer.Set("DnsPolicy", conf.base == ResolvConf::Base::kNothing ? "None" : "Default");
  const ParameterWriter dns = writer.In("DnsConfig");
  for (std::size_t i = 0; i < conf.nameservers.size(); ++i)
    dns.Set(fmt::format("NameServer.{}", i + 1), conf.nameservers[i]);
  for (std::size_t i = 0; i < conf.searches.size(); ++i) dns.Set(fmt::format("Search.{}", i + 1), conf.searches[i]);
  for (std::size_t i = 0; i < conf.options.size(); ++i) {
    const std::string& option = conf.options[i];
    const std::size_t colon = std::min(option.find(':'), option.size());
    const ParameterWriter one = dns.In("Option", i + 1);
    one.Set("Name", option.substr(0, colon));
    if (colon < option.size()) one.Set("Value", option.substr(colon + 1));
  }
}

void WriteNetwork(const ParameterWriter& writer, const PodNetwork& network) {
  writer.SetUnlessEmpty("HostName", NodenameOf(network));
  for (std::size_t i = 0; i < network.host_aliases.size(); ++i) {
    const ParameterWriter alias = writer.In("HostAliase", i + 1);
    alias.Set("Ip", network.host_aliases[i].ip);
    std::size_t number = 0;
    for (const std::string& name : network.host_aliases[i].names) alias.Set(fmt::format("Hostname.{}", ++number), name);
  }
  WriteDns(writer, network);
}

void WritePod(const ParameterWriter& writer, const Json& pod) {
  const Json& spec = At(pod, "spec");
  const std::string policy = TextAt(spec, "restartPolicy");
  writer.Set("RestartPolicy", policy.empty() ? "Always" : policy);
  const std::int64_t grace = Integer(At(spec, "terminationGracePeriodSeconds"), kDefaultGraceSeconds);
  writer.SetInteger("TerminationGracePeriodSeconds", grace);
  if (IsTrue(At(spec, "shareProcessNamespace"))) writer.SetBool("ShareProcessNamespace", true);
  std::size_t number = 0;
  for (const Json& sysctl : Items(At(spec, "securityContext", "sysctls"))) {
    const ParameterWriter one = writer.In("SecurityContext").In("Sysctl", ++number);
    one.Set("Name", TextAt(sysctl, "name"));
    one.Set("Value", TextAt(sysctl, "value"));
  }
}

void WriteRegistries(const ParameterWriter& writer, const std::vector<RegistryCredential>& registries) {
  std::size_t number = 0;
  for (const RegistryCredential& registry : registries) {
    if (registry.password.empty()) continue;  // tokens instead of a password ECI does not take
    const ParameterWriter one = writer.In("ImageRegistryCredential", ++number);
    one.Set("Server", rest::RegistryHost(registry.server));
    one.Set("UserName", registry.user_name);
    one.Set("Password", registry.password);
  }
}

// ---- volumes

// ECI reads modes by their four octal digits: 644, not 420.
std::int64_t OctalDigits(int mode) {
  return ((mode >> 9) & 7) * 1000 + ((mode >> 6) & 7) * 100 + ((mode >> 3) & 7) * 10 + (mode & 7);
}

Status WriteFiles(const ParameterWriter& writer, const PodVolume& volume, std::size_t& total) {
  writer.Set("Type", "ConfigFileVolume");
  std::size_t number = 0;
  for (const VolumeFile& file : volume.files) {
    total += file.content.size();
    if (file.content.size() > kMaxConfigFile || total > kMaxConfigFiles) {
      return Inexpressible(
          fmt::format("spec.volumes {}: {} has {} bytes; ECI takes {} KiB a file and {} KiB of all files of a Pod",
                      volume.name, file.path, file.content.size(), kMaxConfigFile >> 10, kMaxConfigFiles >> 10));
    }
    const ParameterWriter one = writer.In("ConfigFileVolume").In("ConfigFileToPath", ++number);
    one.Set("Path", file.path);
    one.Set("Content", EncodeBase64(file.content));
    one.SetInteger("Mode", OctalDigits(file.mode));
  }
  return {};
}

void WriteEmptyDir(const ParameterWriter& writer, const PodVolume& volume) {
  writer.Set("Type", "EmptyDirVolume");
  if (volume.is_in_memory) writer.In("EmptyDirVolume").Set("Medium", "Memory");
  if (volume.size_limit) {
    constexpr std::int64_t kMi = 1 << 20;
    writer.In("EmptyDirVolume").Set("SizeLimit", fmt::format("{}Mi", (*volume.size_limit + kMi - 1) / kMi));
  }
}

Status WriteOther(const ParameterWriter& writer, const Json& volume) {
  if (const Json& nfs = At(volume, "nfs"); !nfs.is_null()) {
    writer.Set("Type", "NFSVolume");
    writer.In("NFSVolume").Set("Server", TextAt(nfs, "server"));
    writer.In("NFSVolume").Set("Path", TextAt(nfs, "path"));
    if (IsTrue(At(nfs, "readOnly"))) writer.In("NFSVolume").SetBool("ReadOnly", true);
    return {};
  }
  const Json& flex = At(volume, "flexVolume");
  const std::string driver = TextAt(flex, "driver"), disk = TextAt(flex, "options", "volumeId");
  if (driver == "alicloud/disk" && !disk.empty()) {
    writer.Set("Type", "DiskVolume");
    writer.In("DiskVolume").Set("DiskId", disk);
    writer.In("DiskVolume").SetUnlessEmpty("FsType", TextAt(flex, "fsType"));
    return {};
  }
  if (driver.starts_with("alicloud/")) {
    writer.Set("Type", "FlexVolume");
    writer.In("FlexVolume").Set("Driver", driver);
    writer.In("FlexVolume").SetUnlessEmpty("FsType", TextAt(flex, "fsType"));
    writer.In("FlexVolume").Set("Options", Members(At(flex, "options")).dump());
    return {};
  }
  return Inexpressible(fmt::format("spec.volumes {}: ECI has no volume of this kind", TextAt(volume, "name")));
}

Status WriteVolumes(const ParameterWriter& writer, const CreateRequest& request) {
  const Json& volumes = Items(At(request.pod, "spec", "volumes"));
  if (volumes.size() > kMaxVolumes) {
    return Inexpressible(fmt::format("the Pod has {} volumes; ECI takes {}", volumes.size(), kMaxVolumes));
  }
  std::size_t number = 0, total = 0;
  for (const Json& volume : volumes) {
    const std::string name = TextAt(volume, "name");
    const auto is_it = [&](const PodVolume& one) { return one.name == name; };
    const auto resolved = std::find_if(request.volumes.begin(), request.volumes.end(), is_it);
    const ParameterWriter one = writer.In("Volume", ++number);
    one.Set("Name", name);
    Status written;
    if (resolved == request.volumes.end()) {
      written = WriteOther(one, volume);
    } else if (resolved->kind == PodVolume::Kind::kEmptyDir) {
      WriteEmptyDir(one, *resolved);
    } else {
      written = WriteFiles(one, *resolved, total);
    }
    if (!written) return written;
  }
  return {};
}

Status WriteContainers(const ParameterWriter& writer, const Json& pod) {
  const Json &inits = Items(At(pod, "spec", "initContainers")), &containers = Items(At(pod, "spec", "containers"));
  if (inits.size() + containers.size() > kMaxContainers) {
    return Inexpressible(
        fmt::format("the Pod has {} containers; ECI takes {}", inits.size() + containers.size(), kMaxContainers));
  }
  std::size_t number = 0;
  for (const Json& container : inits) {
    auto written = WriteContainer(writer.In("InitContainer", ++number), pod, container, true);
    if (!written) return written;
  }
  number = 0;
  for (const Json& container : containers) {
    auto written = WriteContainer(writer.In("Container", ++number), pod, container, false);
    if (!written) return written;
  }
  return {};
}

Status CheckNames(const CreateRequest& request) {
  if (request.client_token.size() > kMaxToken) return Inexpressible("the client token has more than 64 characters");
  if (request.identity.cluster_id.size() > kMaxTagValue) {
    return Inexpressible(fmt::format("the cluster's id has {} characters; a tag takes {}",
                                     request.identity.cluster_id.size(), kMaxTagValue));
  }
  if (request.identity.pod_uid.size() > kMaxName - 2) {
    return Inexpressible("the Pod's UID is too long for the name of an instance");
  }
  return {};
}

}  // namespace

std::string GroupName(const InstanceIdentity& identity) {
  const std::string uid = WithoutHyphensAround(rest::NamePart(identity.pod_uid));
  std::string name = rest::NamePart(identity.pod_name);
  name.resize(std::min(name.size(), kMaxName - std::min(kMaxName, uid.size() + 1)));
  name = WithoutHyphensAround(std::move(name));
  return name.empty() ? "p-" + uid : name + "-" + uid;
}

void AddTag(rest::Parameters& parameters, int& number, const std::string& key, const std::string& value) {
  parameters.emplace_back(fmt::format("Tag.{}.Key", number), key);
  parameters.emplace_back(fmt::format("Tag.{}.Value", number), value);
  ++number;
}

Result<rest::Parameters> CreateParameters(const CreateRequest& request, const Options& options,
                                          const std::vector<std::string>& vswitch_ids) {
  rest::Parameters parameters;
  const ParameterWriter writer(parameters, "");
  if (auto names = CheckNames(request); !names) return Fail(std::move(names).error());
  writer.Set("ContainerGroupName", GroupName(request.identity));
  writer.SetUnlessEmpty("ClientToken", request.client_token);
  if (auto place = WritePlace(writer, request.pod, options, vswitch_ids); !place) return Fail(std::move(place).error());
  WritePod(writer, request.pod);
  WriteNetwork(writer, request.network);
  WriteTags(parameters, request.identity);
  WriteRegistries(writer, request.registries);
  if (auto volumes = WriteVolumes(writer, request); !volumes) return Fail(std::move(volumes).error());
  if (auto containers = WriteContainers(writer, request.pod); !containers) return Fail(std::move(containers).error());
  return parameters;
}

}  // namespace spillway::cloud::alibaba
