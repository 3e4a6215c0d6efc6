#include "cloud/providers/tencent/create_request.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cloud/pod_resources.h"
#include "cloud/providers/rest/digest.h"
#include "cloud/providers/rest/pod_fields.h"
#include "cloud/providers/tencent/container_request.h"
#include "cloud/providers/tencent/instance_name.h"
#include "cloud/providers/tencent/sizes.h"

namespace spillway::cloud::tencent {
namespace {

using rest::Inexpressible;

constexpr const char* kGpuResource = "nvidia.com/gpu";
constexpr std::size_t kDigestDigits = 16;

// TKE's annotations, so that what has been written for super nodes goes on working.
std::string TkeAnnotation(const Json& pod, const char* name, const std::string& otherwise = "") {
  const std::string value = TextAt(pod, "metadata", "annotations", fmt::format("eks.tke.cloud.tencent.com/{}", name));
  return value.empty() ? otherwise : value;
}

std::vector<std::string> ListFrom(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// ---- size

// What an annotation says instead of the Pod's requests; zero: nothing.
Result<std::int64_t> Amount(const Json& pod, const char* annotation, bool in_milli) {
  const std::string text = TkeAnnotation(pod, annotation);
  if (text.empty()) return 0;
  const auto amount = kube::Quantity::Parse(text);
  if (!amount || *amount <= kube::Quantity()) {
    return Inexpressible(fmt::format("eks.tke.cloud.tencent.com/{}: {}: want a quantity", annotation, text));
  }
  return in_milli ? amount->MilliValue() : amount->Value();
}

std::int64_t GpusOf(const Json& pod) {
  const ResourceAmounts asked = PodRequests(pod);
  const auto gpu = asked.find(kGpuResource);
  return gpu == asked.end() ? 0 : gpu->second.Value();
}

Result<rest::InstanceSize> SizeOf(const Json& pod, std::int64_t gpus) {
  auto cpu = Amount(pod, "cpu", true), memory = Amount(pod, "mem", false);
  if (!cpu) return Fail(std::move(cpu).error());
  if (!memory) return Fail(std::move(memory).error());
  if (*cpu > 0 && *memory > 0) return rest::InstanceSize{*cpu, *memory};
  if (gpus > 0) {
    return Inexpressible(
        "a Pod with GPUs needs the annotations eks.tke.cloud.tencent.com/cpu and mem: sizes with GPUs come as they "
        "are, nothing is rounded up to them");
  }
  auto size = rest::SizeFor(pod, EksciSizes(), "EKSCI");
  if (!size) return Fail(std::move(size).error());
  return size->value_or(kDefaultSize);
}

Status WriteGpus(Json& into, const Json& pod, std::int64_t gpus) {
  if (gpus == 0) return {};
  const std::string type = TkeAnnotation(pod, "gpu-type");
  if (type.empty()) {
    return Inexpressible(
        fmt::format("{} needs the annotation eks.tke.cloud.tencent.com/gpu-type, such as T4", kGpuResource));
  }
  into["GpuType"] = type;
  into["GpuCount"] = gpus;
  return {};
}

// ---- the Pod's own

void WriteDns(Json& into, const ResolvConf& conf) {
  if (conf.nameservers.empty() && conf.searches.empty() && conf.options.empty()) return;
  Json dns = Json::object();
  if (!conf.nameservers.empty()) dns["Nameservers"] = conf.nameservers;
  if (!conf.searches.empty()) dns["Searches"] = conf.searches;
  for (const std::string& option : conf.options) {
    const std::size_t colon = std::min(option.find(':'), option.size());
    Json one = {{"Name", option.substr(0, colon)}};
    if (colon < option.size()) one["Value"] = option.substr(colon + 1);
    dns["Options"].push_back(std::move(one));
  }
  into["DnsConfig"] = std::move(dns);
}

// The Pod's annotation stands in for all of it, as on super nodes.
ResolvConf DnsOf(const CreateRequest& request) {
  const std::string text = TkeAnnotation(request.pod, "resolv-conf");
  std::vector<BadLine> bad;
  return text.empty() ? request.network.resolv_conf : ParseResolvConf(text, bad);
}

void WriteRegistries(Json& into, const std::vector<RegistryCredential>& registries) {
  Json written = Json::array();
  for (const RegistryCredential& registry : registries) {
    if (registry.password.empty()) continue;  // tokens instead of a password EKSCI does not take
    written.push_back({{"Server", rest::RegistryHost(registry.server)},
                       {"Username", registry.user_name},
                       {"Password", registry.password},
                       {"Name", fmt::format("registry-{}", written.size() + 1)}});
  }
  if (!written.empty()) into["ImageRegistryCredentials"] = std::move(written);
}

// The CBS disk of a volume, as TKE's drivers name it; empty: it is none. A claimed disk stands in the Pod as a csi
// volume.
std::string DiskOf(const Json& volume) {
  if (TextAt(volume, "flexVolume", "driver") == "tencentcloud/cbs")
    return TextAt(volume, "flexVolume", "options", "diskId");
  return TextAt(volume, "csi", "driver") == "com.tencent.cloud.csi.cbs" ? TextAt(volume, "csi", "volumeHandle") : "";
}

Status WriteVolumes(Json& into, const Json& pod) {
  for (const Json& volume : Items(At(pod, "spec", "volumes"))) {
    const std::string name = TextAt(volume, "name"), disk = DiskOf(volume);
    const Json& nfs = At(volume, "nfs");
    if (!nfs.is_null()) {
      Json one = {{"Name", name}, {"Server", TextAt(nfs, "server")}, {"Path", TextAt(nfs, "path")}};
      if (IsTrue(At(nfs, "readOnly"))) one["ReadOnly"] = true;
      into["EksCiVolume"]["NfsVolumes"].push_back(std::move(one));
    } else if (!disk.empty()) {
      into["EksCiVolume"]["CbsVolumes"].push_back({{"Name", name}, {"CbsDiskId", disk}});
    } else {
      return Inexpressible(
          fmt::format("spec.volumes {}: EKSCI has NFS volumes and CBS disks that are there already, no others", name));
    }
  }
  return {};
}

Status WriteContainers(Json& into, const Json& pod, const rest::InstanceSize& size) {
  for (const auto& [name, eksci_name] :
       {std::pair{"containers", "Containers"}, std::pair{"initContainers", "InitContainers"}}) {
    for (const Json& container : Items(At(pod, "spec", name))) {
      auto written = ContainerRequest(container, size, std::string_view(name) == "initContainers");
      if (!written) return Fail(std::move(written).error());
      into[eksci_name].push_back(*std::move(written));
    }
  }
  if (!into.contains("Containers")) return Inexpressible("the Pod has no containers");
  return {};
}

void WritePlace(Json& into, const Json& pod, const Options& options, const std::string& subnet) {
  const std::string groups = TkeAnnotation(pod, "security-group-id");
  into["VpcId"] = options.vpc;
  into["SubnetId"] = subnet;
  into["SecurityGroupIds"] = groups.empty() ? options.security_groups : ListFrom(groups);
  if (const std::string cpu = TkeAnnotation(pod, "cpu-type", options.cpu_type); !cpu.empty()) into["CpuType"] = cpu;
  if (const std::string role = TkeAnnotation(pod, "role-name", options.role); !role.empty()) into["CamRoleName"] = role;
}

// Where it is to be is no part of what it is, and passwords are no part of digests.
std::string DigestOf(Json json) {
  json.erase("SubnetId");
  json.erase("ImageRegistryCredentials");
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return rest::Hex(rest::Sha256(text)).substr(0, kDigestDigits);
}

}  // namespace

Result<CreateBody> MakeCreateBody(const CreateRequest& request, const Options& options, const std::string& subnet) {
  CreateBody body;
  auto name = InstanceName(request.identity, request.client_token);
  if (!name) return Fail(std::move(name).error());
  body.name = *std::move(name);
  const Json& pod = request.pod;
  const std::int64_t gpus = GpusOf(pod);
  auto size = SizeOf(pod, gpus);
  if (!size) return Fail(std::move(size).error());
  Json& json = body.json;
  json = {{"EksCiName", body.name}};
  WritePlace(json, pod, options, subnet);
  json["Cpu"] = static_cast<double>(size->cpu_milli) / 1000;
  json["Memory"] = static_cast<double>(size->memory_bytes) / rest::kGiB;
  const std::string policy = TextAt(pod, "spec", "restartPolicy");
  json["RestartPolicy"] = policy.empty() ? "Always" : policy;
  if (auto done = WriteGpus(json, pod, gpus); !done) return Fail(std::move(done).error());
  WriteDns(json, DnsOf(request));
  WriteRegistries(json, request.registries);
  if (auto done = WriteVolumes(json, pod); !done) return Fail(std::move(done).error());
  if (auto done = WriteContainers(json, pod, *size); !done) return Fail(std::move(done).error());
  body.digest = DigestOf(json);
  json["Containers"][0]["EnvironmentVars"].push_back(
      {{"Name", kNoteVariable}, {"Value", WriteNote({request.identity, body.digest})}});
  return body;
}

Bill SizeBilled(const Json& pod) {
  const std::int64_t gpus = GpusOf(pod);
  const auto size = SizeOf(pod, gpus);
  if (!size) return {};
  Bill bill = BillBySize(size->cpu_milli, size->memory_bytes, std::nullopt);
  if (gpus == 0) return bill;
  return {fmt::format("{},{}={}", bill.size, kGpuResource, gpus)};
}

}  // namespace spillway::cloud::tencent
