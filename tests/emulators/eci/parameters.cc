#include "tests/emulators/eci/parameters.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace spillway::emulators::eci {
namespace {

using Names = std::vector<std::string>;

constexpr std::size_t kMaxToken = 64, kMaxName = 128, kMaxEnvValue = 256, kMaxTagKey = 64, kMaxTagValue = 128;
constexpr int kMaxTags = 20, kMaxContainers = 20, kMaxVolumes = 20, kMaxVSwitches = 10;
constexpr std::size_t kMaxFile = 32u << 10, kMaxFiles = 60u << 10;

Names With(const Names& prefixes, const Names& names) {
  Names all;
  for (const std::string& prefix : prefixes) {
    for (const std::string& name : names) all.push_back(prefix + name);
  }
  return all;
}

Names Joined(std::initializer_list<Names> lists) {
  Names all;
  for (const Names& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

Names ContainerNames() {
  const Names common = {"Name",
                        "Image",
                        "ImagePullPolicy",
                        "WorkingDir",
                        "Cpu",
                        "Memory",
                        "Gpu",
                        "Command.N",
                        "Arg.N",
                        "Port.N.Port",
                        "Port.N.Protocol",
                        "EnvironmentVar.N.Key",
                        "EnvironmentVar.N.Value",
                        "EnvironmentVar.N.FieldRef.FieldPath",
                        "VolumeMount.N.Name",
                        "VolumeMount.N.MountPath",
                        "VolumeMount.N.SubPath",
                        "VolumeMount.N.ReadOnly",
                        "VolumeMount.N.MountPropagation",
                        "SecurityContext.RunAsUser",
                        "SecurityContext.ReadOnlyRootFilesystem",
                        "SecurityContext.Capability.Add.N",
                        "TerminationMessagePath",
                        "TerminationMessagePolicy"};
  const Names probe = {"HttpGet.Path",     "HttpGet.Port",        "HttpGet.Scheme", "TcpSocket.Port",
                       "Exec.Command.N",   "InitialDelaySeconds", "PeriodSeconds",  "TimeoutSeconds",
                       "SuccessThreshold", "FailureThreshold"};
  const Names hook = {"Exec.N",
                      "HttpGetHost",
                      "HttpGetPath",
                      "HttpGetPort",
                      "HttpGetScheme",
                      "HttpGetHttpHeader.N.Name",
                      "HttpGetHttpHeader.N.Value",
                      "TcpSocketHost",
                      "TcpSocketPort"};
  return Joined({With({"Container.N.", "InitContainer.N."}, common),
                 With({"Container.N.LivenessProbe.", "Container.N.ReadinessProbe."}, probe),
                 With({"Container.N.LifecyclePostStartHandler", "Container.N.LifecyclePreStopHandler"}, hook),
                 With({"Container.N."}, {"SecurityContextRunAsGroup", "SecurityContextRunAsNonRoot", "Stdin",
                                         "StdinOnce", "Tty", "EnvironmentVarHide"})});
}

Names CreateNames() {
  const Names group = {"RegionId",
                       "ZoneId",
                       "VSwitchId",
                       "ScheduleStrategy",
                       "SecurityGroupId",
                       "ResourceGroupId",
                       "ContainerGroupName",
                       "ClientToken",
                       "RestartPolicy",
                       "Cpu",
                       "Memory",
                       "InstanceType",
                       "SpotStrategy",
                       "SpotPriceLimit",
                       "SpotDuration",
                       "StrictSpot",
                       "AutoMatchImageCache",
                       "ImageSnapshotId",
                       "ActiveDeadlineSeconds",
                       "TerminationGracePeriodSeconds",
                       "EphemeralStorage",
                       "ShareProcessNamespace",
                       "HostName",
                       "RamRoleName",
                       "EipInstanceId",
                       "AutoCreateEip",
                       "CpuArchitecture",
                       "DryRun",
                       "DnsPolicy",
                       "DnsConfig.NameServer.N",
                       "DnsConfig.Search.N",
                       "DnsConfig.Option.N.Name",
                       "DnsConfig.Option.N.Value",
                       "HostAliase.N.Ip",
                       "HostAliase.N.Hostname.N",
                       "SecurityContext.Sysctl.N.Name",
                       "SecurityContext.Sysctl.N.Value",
                       "Tag.N.Key",
                       "Tag.N.Value",
                       "ImageRegistryCredential.N.Server",
                       "ImageRegistryCredential.N.UserName",
                       "ImageRegistryCredential.N.Password"};
  const Names volume = {"Name",
                        "Type",
                        "EmptyDirVolume.Medium",
                        "EmptyDirVolume.SizeLimit",
                        "NFSVolume.Server",
                        "NFSVolume.Path",
                        "NFSVolume.ReadOnly",
                        "DiskVolume.DiskId",
                        "DiskVolume.FsType",
                        "FlexVolume.Driver",
                        "FlexVolume.FsType",
                        "FlexVolume.Options",
                        "ConfigFileVolume.DefaultMode",
                        "ConfigFileVolume.ConfigFileToPath.N.Path",
                        "ConfigFileVolume.ConfigFileToPath.N.Content",
                        "ConfigFileVolume.ConfigFileToPath.N.Mode"};
  return Joined({group, With({"Volume.N."}, volume), ContainerNames()});
}

bool IsMissing(const ParameterMap& parameters, const std::string& name) { return At(parameters, name).empty(); }

int CountOf(const ParameterMap& parameters, const std::string& list, const std::string& member) {
  int count = 0;
  while (parameters.contains(fmt::format("{}.{}.{}", list, count + 1, member))) ++count;
  return count;
}

bool IsGroupName(const std::string& name) {
  const auto is_good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return name.size() >= 2 && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), is_good) &&
         name.front() != '-' && name.back() != '-';
}

Complaint CheckTags(const ParameterMap& parameters) {
  std::set<std::string> keys;
  const int count = CountOf(parameters, "Tag", "Key");
  if (count > kMaxTags) return {"InvalidParameter.Tag.Exceed", "more than 20 tags"};
  for (int i = 1; i <= count; ++i) {
    const std::string &key = At(parameters, fmt::format("Tag.{}.Key", i)),
                      &value = At(parameters, fmt::format("Tag.{}.Value", i));
    if (key.empty() || key.size() > kMaxTagKey || key.starts_with("acs:") || key.starts_with("aliyun")) {
      return {"InvalidParameter.TagKey", fmt::format("the tag key \"{}\" is not allowed", key)};
    }
    if (!keys.insert(key).second) return {"InvalidParameter.TagKey", "a tag key is there twice"};
    if (value.size() > kMaxTagValue)
      return {"InvalidParameter.TagValue", fmt::format("the value of tag {} is too long", key)};
  }
  return {};
}

Complaint CheckVolumes(const ParameterMap& parameters) {
  const int count = CountOf(parameters, "Volume", "Name");
  if (count > kMaxVolumes) return {"ExceedParam.Volumes", "more than 20 volumes"};
  std::set<std::string> names;
  std::size_t total = 0;
  for (const auto& [name, value] : parameters) {
    if (PatternOf(name) == "Volume.N.Name") names.insert(value);
    if (PatternOf(name) != "Volume.N.ConfigFileVolume.ConfigFileToPath.N.Content") continue;
    const std::size_t size = value.size() / 4 * 3;
    total += size;
    if (size > kMaxFile + 2 || total > kMaxFiles + 40)
      return {"ExceedParam.ConfigFile", "the configuration files are too large"};
  }
  for (const auto& [name, value] : parameters) {
    if (!PatternOf(name).ends_with("VolumeMount.N.Name") || names.contains(value)) continue;
    return {"InvalidParameter.VolumeMount", fmt::format("there is no volume {}", value)};
  }
  return {};
}

double SumOf(const ParameterMap& parameters, const std::string& member) {
  double sum = 0;
  for (int i = 1; parameters.contains(fmt::format("Container.{}.Name", i)); ++i) {
    sum += std::strtod(At(parameters, fmt::format("Container.{}.{}", i, member)).c_str(), nullptr);
  }
  return sum;
}

Complaint CheckContainers(const ParameterMap& parameters) {
  const int inits = CountOf(parameters, "InitContainer", "Name"), count = CountOf(parameters, "Container", "Name");
  if (count == 0) return {"MissingParameter.Container", "there is no container"};
  if (inits + count > kMaxContainers) return {"ExceedParam.Containers", "more than 20 containers"};
  for (int i = 1; i <= count; ++i) {
    if (IsMissing(parameters, fmt::format("Container.{}.Image", i)))
      return {"MissingParameter.Image", "a container has no image"};
  }
  for (const auto& [name, value] : parameters) {
    if (PatternOf(name).ends_with("EnvironmentVar.N.Value") && value.size() > kMaxEnvValue) {
      return {"ExceedParam.EnvironmentVar", fmt::format("{} has more than 256 characters", name)};
    }
  }
  for (const char* amount : {"Cpu", "Memory"}) {
    if (IsMissing(parameters, amount)) continue;
    if (SumOf(parameters, amount) > std::strtod(At(parameters, amount).c_str(), nullptr) + 0.001) {
      return {"InvalidParameter.CPUMemory", "the containers have more than the group"};
    }
  }
  return {};
}

Complaint CheckCreate(const ParameterMap& parameters) {
  if (!IsGroupName(At(parameters, "ContainerGroupName"))) {
    return {"InvalidParameter.ContainerGroupName", "2 to 128 lower case letters, digits and hyphens"};
  }
  const std::string &token = At(parameters, "ClientToken"), &vswitches = At(parameters, "VSwitchId");
  if (token.size() > kMaxToken) return {"InvalidParameter.ClientToken", "more than 64 characters"};
  if (vswitches.empty()) return {"MissingParameter.VSwitchId", "there is no VSwitch"};
  if (std::count(vswitches.begin(), vswitches.end(), ',') >= kMaxVSwitches) {
    return {"ExceedParam.VSwitchId", "more than 10 VSwitches"};
  }
  for (const auto check : {CheckTags, CheckVolumes, CheckContainers}) {
    Complaint complaint = check(parameters);
    if (!complaint.code.empty()) return complaint;
  }
  return {};
}

Complaint CheckPrice(const ParameterMap& parameters) {
  const bool has_size = !IsMissing(parameters, "Cpu") && !IsMissing(parameters, "Memory");
  if (has_size || !IsMissing(parameters, "InstanceType")) return {};
  return {"MissingParameter.CPUMemory", "there is neither a size nor an instance type"};
}

Complaint CheckAvailable(const ParameterMap& parameters) {
  const std::string& category = At(parameters, "DestinationResource.Category");
  if (category != "InstanceType" && category != "InstanceTypeFamily") {
    return {"InvalidParameter.DestinationResource", "the category is InstanceType or InstanceTypeFamily"};
  }
  if (!IsMissing(parameters, "DestinationResource.Value")) return {};
  return {"MissingParameter.DestinationResource", "there is no value"};
}

}  // namespace

const std::map<std::string, Names>& AcceptedParameters() {
  const Names page = {"RegionId",    "Limit",     "NextToken", "ContainerGroupIds", "Tag.N.Key",
                      "Tag.N.Value", "VSwitchId", "ZoneId",    "ResourceGroupId"};
  static const auto* const kAccepted = new std::map<std::string, Names>{
      {"CreateContainerGroup", CreateNames()},
      {"DeleteContainerGroup", {"RegionId", "ContainerGroupId", "ClientToken"}},
      {"DescribeContainerGroups", Joined({page, {"ContainerGroupName", "Status", "WithEvent", "SecurityGroupId"}})},
      {"DescribeContainerGroupStatus", Joined({page, {"SinceSecond"}})},
      {"DescribeContainerLog",
       {"RegionId", "ContainerGroupId", "ContainerName", "Tail", "LimitBytes", "SinceSeconds", "StartTime",
        "Timestamps", "LastTime"}},
      {"ExecContainerCommand", {"RegionId", "ContainerGroupId", "ContainerName", "Command", "TTY", "Stdin", "Sync"}},
      {"DescribeMultiContainerGroupMetric", {"RegionId", "ContainerGroupIds", "MetricType", "ResourceGroupId"}},
      {"DescribeContainerGroupPrice",
       {"RegionId", "ZoneId", "Cpu", "Memory", "InstanceType", "SpotStrategy", "SpotPriceLimit"}},
      {"DescribeAvailableResource",
       {"RegionId", "ZoneId", "DestinationResource.Category", "DestinationResource.Value", "DestinationResource.Cores",
        "DestinationResource.Memory"}},
      {"ListUsage", {"RegionId"}},
      {"DescribeRegions", {"RegionId"}},
  };
  return *kAccepted;
}

std::string PatternOf(const std::string& name) {
  std::string pattern;
  std::size_t at = 0;
  while (at <= name.size()) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    const std::string part = name.substr(at, end - at);
    const bool is_number =
        !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    pattern += (at == 0 ? "" : ".") + (is_number ? "N" : part);
    at = end + 1;
  }
  return pattern;
}

Complaint CheckParameters(const std::string& api, const ParameterMap& parameters) {
  const auto accepted = AcceptedParameters().find(api);
  if (accepted == AcceptedParameters().end()) return {"InvalidAction.NotFound", fmt::format("there is no API {}", api)};
  for (const auto& [name, value] : parameters) {
    if (std::find(accepted->second.begin(), accepted->second.end(), PatternOf(name)) != accepted->second.end())
      continue;
    return {"InvalidParameter.Unknown", fmt::format("{} has no parameter {}", api, name)};
  }
  if (IsMissing(parameters, "RegionId")) return {"MissingParameter.RegionId", "there is no region"};
  if (api == "DescribeContainerGroupPrice") return CheckPrice(parameters);
  if (api == "DescribeAvailableResource") return CheckAvailable(parameters);
  return api == "CreateContainerGroup" ? CheckCreate(parameters) : Complaint();
}

}  // namespace spillway::emulators::eci
