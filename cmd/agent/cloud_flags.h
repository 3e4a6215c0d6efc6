#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "cloud/providers/rest/zone_rotation.h"
#include "net/http_client.h"
#include "net/url.h"

// What the flags of clouds have in common.
namespace spillway::cmd {

// "" where it is not set.
std::string EnvironmentValue(const char* name);
// What the environment says where the flag does not.
void FromEnvironment(std::string& flag, const char* name);

// kInvalidArgument: "--flag=value: want ...".
Status Wanted(const char* flag, const std::string& value, const char* wanted);
// Of a share of rate limits: more than 0, at most 1.
Status CheckShare(const char* flag, double share);
// "ordered" or "random".
Status CheckStrategy(const char* flag, const std::string& value);
cloud::rest::ZoneRotation::Strategy StrategyOf(const std::string& value);
Status CheckUrl(const char* flag, const std::string& url);

// "host", or "host:port" where the port is not the scheme's own: as HTTP's Host header has it.
std::string HostHeader(const net::BaseUrl& url);
Result<std::unique_ptr<net::HttpClient>> Connect(Runtime& runtime, const std::string& url);

}  // namespace spillway::cmd
