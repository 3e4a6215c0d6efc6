#include "cloud/providers/rest/pod_fields.h"

#include <fmt/core.h>

#include <utility>

#include "cloud/pod_resources.h"
#include "cloud/provider.h"

namespace spillway::cloud::rest {

tl::unexpected<Error> Inexpressible(std::string message) { return Fail(Code::kInvalidArgument, std::move(message)); }

bool NeedsPodIp(const std::string& text) { return text.find(kPodIpPlaceholder) != std::string::npos; }

std::int64_t PortNumber(const Json& port, const Json& container) {
  if (port.is_number_integer()) return Integer(port);
  return Integer(At(Named(At(container, "ports"), Text(port)), "containerPort"));
}

std::optional<kube::Quantity> AskedOf(const Json& container, const char* resource) {
  for (const char* list : {"requests", "limits"}) {
    const auto amount = kube::Quantity::Parse(TextAt(container, "resources", list, resource));
    if (amount) return amount;
  }
  return std::nullopt;
}

std::string RegistryHost(std::string server) {
  if (const auto scheme = server.find("://"); scheme != std::string::npos) server.erase(0, scheme + 3);
  return server.substr(0, server.find('/'));
}

Result<std::optional<InstanceSize>> SizeFor(const Json& pod, const SizeTable& sizes, const char* cloud) {
  const ResourceAmounts asked = PodRequests(pod);
  const auto cpu = asked.find("cpu"), memory = asked.find("memory");
  const std::int64_t milli = cpu == asked.end() ? 0 : cpu->second.MilliValue();
  const std::int64_t bytes = memory == asked.end() ? 0 : memory->second.Value();
  if (milli == 0 && bytes == 0) return std::optional<InstanceSize>();
  const auto size = sizes.RoundUp(milli, bytes);
  if (size) return size;
  const InstanceSize& largest = sizes.sizes.back();
  return Inexpressible(fmt::format(
      "the Pod asks for {} vCPU and {:.1f} GiB: no size of {} holds both, the largest is {} vCPU and {} GiB",
      static_cast<double>(milli) / 1000, static_cast<double>(bytes) / kGiB, cloud,
      static_cast<double>(largest.cpu_milli) / 1000, static_cast<double>(largest.memory_bytes) / kGiB));
}

std::string NamePart(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) c = '-';
  }
  return text;
}

}  // namespace spillway::cloud::rest
