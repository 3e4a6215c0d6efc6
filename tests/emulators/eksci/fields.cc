#include "tests/emulators/eksci/fields.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace spillway::emulators::eksci {
namespace {

using Fields = std::map<std::string, std::string>;

constexpr std::size_t kMaxName = 60;

void Add(Fields& fields, const std::string& prefix, const Fields& more) {
  for (const auto& [name, type] : more) fields[prefix + name] = type;
}

Fields ContainerFields() {
  Fields probe = {{"HttpGet.Path", "str"},
                  {"HttpGet.Port", "int"},
                  {"HttpGet.Scheme", "str"},
                  {"TcpSocket.Port", "int"},
                  {"Exec.Commands.N", "str"}};
  for (const char* number :
       {"InitialDelaySeconds", "PeriodSeconds", "TimeoutSeconds", "SuccessThreshold", "FailureThreshold"}) {
    probe[fmt::format("Probe.{}", number)] = "int";
  }
  Fields fields = {{"Name", "str"},
                   {"Image", "str"},
                   {"WorkingDir", "str"},
                   {"Commands.N", "str"},
                   {"Args.N", "str"},
                   {"Cpu", "float"},
                   {"Memory", "float"},
                   {"GpuLimit", "int"},
                   {"EnvironmentVars.N.Name", "str"},
                   {"EnvironmentVars.N.Value", "str"},
                   {"VolumeMounts.N.Name", "str"},
                   {"VolumeMounts.N.MountPath", "str"},
                   {"VolumeMounts.N.ReadOnly", "bool"},
                   {"VolumeMounts.N.SubPath", "str"},
                   {"VolumeMounts.N.SubPathExpr", "str"},
                   {"VolumeMounts.N.MountPropagation", "str"},
                   {"SecurityContext.Capabilities.Add.N", "str"},
                   {"SecurityContext.Capabilities.Drop.N", "str"}};
  Add(fields, "LivenessProbe.", probe);
  Add(fields, "ReadinessProbe.", probe);
  return fields;
}

Fields CreateFields() {
  Fields fields = {{"EksCiName", "str"},
                   {"VpcId", "str"},
                   {"SubnetId", "str"},
                   {"SecurityGroupIds.N", "str"},
                   {"Cpu", "float"},
                   {"Memory", "float"},
                   {"CpuType", "str"},
                   {"GpuType", "str"},
                   {"GpuCount", "int"},
                   {"CamRoleName", "str"},
                   {"RestartPolicy", "str"},
                   {"Replicas", "int"},
                   {"AutoCreateEip", "bool"},
                   {"ExistedEipIds.N", "str"},
                   {"DnsConfig.Nameservers.N", "str"},
                   {"DnsConfig.Searches.N", "str"},
                   {"DnsConfig.Options.N.Name", "str"},
                   {"DnsConfig.Options.N.Value", "str"},
                   {"ImageRegistryCredentials.N.Server", "str"},
                   {"ImageRegistryCredentials.N.Username", "str"},
                   {"ImageRegistryCredentials.N.Password", "str"},
                   {"ImageRegistryCredentials.N.Name", "str"},
                   {"EksCiVolume.CbsVolumes.N.Name", "str"},
                   {"EksCiVolume.CbsVolumes.N.CbsDiskId", "str"},
                   {"EksCiVolume.NfsVolumes.N.Name", "str"},
                   {"EksCiVolume.NfsVolumes.N.Server", "str"},
                   {"EksCiVolume.NfsVolumes.N.Path", "str"},
                   {"EksCiVolume.NfsVolumes.N.ReadOnly", "bool"}};
  Add(fields, "Containers.N.", ContainerFields());
  Add(fields, "InitContainers.N.", ContainerFields());
  return fields;
}

bool IsOfType(const Json& value, const std::string& type) {
  if (type == "str") return value.is_string();
  if (type == "bool") return value.is_boolean();
  return type == "int" ? value.is_number_integer() : value.is_number();
}

Complaint CheckShape(const Fields& accepted, const Json& value, const std::string& path) {
  if (value.is_object() || value.is_array()) {
    for (const auto& [name, member] : value.items()) {
      const std::string step = value.is_array() ? "N" : name;
      Complaint complaint = CheckShape(accepted, member, path.empty() ? step : path + "." + step);
      if (!complaint.code.empty()) return complaint;
    }
    return {};
  }
  const auto field = accepted.find(path);
  if (field == accepted.end()) return {"UnknownParameter", fmt::format("the parameter `{}` is not recognized", path)};
  if (!IsOfType(value, field->second)) {
    return {"InvalidParameter", fmt::format("the parameter `{}` is no {}", path, field->second)};
  }
  return {};
}

Complaint CheckVolumes(const Json& body) {
  std::set<std::string> names;
  for (const char* kind : {"CbsVolumes", "NfsVolumes"}) {
    for (const Json& volume : body.value("EksCiVolume", Json::object()).value(kind, Json::array())) {
      names.insert(volume.value("Name", ""));
    }
  }
  for (const char* list : {"Containers", "InitContainers"}) {
    for (const Json& container : body.value(list, Json::array())) {
      for (const Json& mount : container.value("VolumeMounts", Json::array())) {
        const std::string name = mount.value("Name", "");
        if (!names.contains(name)) return {"InvalidParameter", fmt::format("there is no volume {}", name)};
      }
    }
  }
  return {};
}

Complaint CheckContainers(const Json& body) {
  for (const char* list : {"Containers", "InitContainers"}) {
    for (const Json& container : body.value(list, Json::array())) {
      for (const char* must : {"Name", "Image"}) {
        if (container.value(must, "").empty()) return {"InvalidParameter", fmt::format("a container has no {}", must)};
      }
      for (const char* amount : {"Cpu", "Memory"}) {
        if (container.value(amount, 0.0) <= body.value(amount, 0.0)) continue;
        return {"InvalidParameter", fmt::format("a container has more {} than the instance", amount)};
      }
    }
  }
  return {};
}

Complaint CheckCreate(const Json& body) {
  for (const char* must : {"Containers", "EksCiName", "SecurityGroupIds", "SubnetId", "VpcId", "Memory", "Cpu"}) {
    if (!body.contains(must) || body[must].empty())
      return {"MissingParameter", fmt::format("the request lacks `{}`", must)};
  }
  const std::string name = body["EksCiName"], policy = body.value("RestartPolicy", "Always");
  const bool begins_well = name[0] >= 'a' && name[0] <= 'z';
  if (name.size() > kMaxName || !begins_well)
    return {"InvalidParameterValue.EksCiName", "1 to 60 characters, a letter first"};
  if (policy != "Always" && policy != "Never" && policy != "OnFailure")
    return {"InvalidParameter", "there is no such restart policy"};
  if (body.value("Replicas", 1) != 1) return {"UnsupportedOperation", "the emulator makes one at a time"};
  if (Complaint complaint = CheckContainers(body); !complaint.code.empty()) return complaint;
  return CheckVolumes(body);
}

}  // namespace

const std::map<std::string, Fields>& AcceptedFields() {
  static const auto* const kAccepted = new std::map<std::string, Fields>{
      {"CreateEKSContainerInstances", CreateFields()},
      {"DescribeEKSContainerInstances",
       {{"Limit", "int"},
        {"Offset", "int"},
        {"EksCiIds.N", "str"},
        {"Filters.N.Name", "str"},
        {"Filters.N.Values.N", "str"}}},
      {"DeleteEKSContainerInstances", {{"EksCiIds.N", "str"}, {"ReleaseAutoCreatedEip", "bool"}}},
      {"DescribeEksContainerInstanceLog",
       {{"EksCiId", "str"},
        {"ContainerName", "str"},
        {"Tail", "int"},
        {"StartTime", "str"},
        {"Previous", "bool"},
        {"SinceSeconds", "int"},
        {"LimitBytes", "int"}}},
      {"DescribeEKSContainerInstanceEvent", {{"EksCiId", "str"}, {"Limit", "int"}}},
      {"DescribeEKSContainerInstanceRegions", {}},
  };
  return *kAccepted;
}

Complaint CheckFields(const std::string& api, const Json& body) {
  const auto accepted = AcceptedFields().find(api);
  if (accepted == AcceptedFields().end()) return {"InvalidAction", fmt::format("there is no API {}", api)};
  if (!body.is_object()) return {"InvalidParameter", "the body is no JSON object"};
  if (Complaint complaint = CheckShape(accepted->second, body, ""); !complaint.code.empty()) return complaint;
  return api == "CreateEKSContainerInstances" ? CheckCreate(body) : Complaint();
}

}  // namespace spillway::emulators::eksci
