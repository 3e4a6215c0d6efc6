#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "cloud/json.h"
#include "cloud/providers/rest/sizes.h"
#include "kube/api/quantity.h"

// What every cloud's request has to find out about a Pod; pure.
namespace spillway::cloud::rest {

// What a cloud has no field for, or takes less of: kInvalidArgument.
tl::unexpected<Error> Inexpressible(std::string message);

// The Pod's IP stands in it, which nobody knows before the cloud does.
bool NeedsPodIp(const std::string& text);

// Of a probe or hook: a number, or the name of one of the container's ports; 0: there is none.
std::int64_t PortNumber(const Json& port, const Json& container);

// What a container asks for, or else may have; nullopt: neither.
std::optional<kube::Quantity> AskedOf(const Json& container, const char* resource);

// The host alone: "https://registry.example.com/v1/" -> "registry.example.com".
std::string RegistryHost(std::string server);

// The size that holds what the Pod asks for; nullopt: it asks for nothing. Error: there is none so large; `cloud` is
// what the message calls it.
Result<std::optional<InstanceSize>> SizeFor(const Json& pod, const SizeTable& sizes, const char* cloud);

// In lower case, everything that is neither letter nor digit a hyphen: what instances' names may hold.
std::string NamePart(std::string text);

}  // namespace spillway::cloud::rest
