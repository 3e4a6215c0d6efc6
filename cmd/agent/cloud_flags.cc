#include "cmd/agent/cloud_flags.h"

#include <fmt/core.h>

#include <cstdlib>
#include <utility>

#include "net/rest_client.h"

namespace spillway::cmd {

std::string EnvironmentValue(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void FromEnvironment(std::string& flag, const char* name) {
  if (flag.empty()) flag = EnvironmentValue(name);
}

Status Wanted(const char* flag, const std::string& value, const char* wanted) {
  return Fail(Code::kInvalidArgument, fmt::format("--{}={}: want {}", flag, value, wanted));
}

Status CheckShare(const char* flag, double share) {
  if (share > 0 && share <= 1) return {};
  return Wanted(flag, fmt::format("{}", share), "more than 0, at most 1");
}

Status CheckStrategy(const char* flag, const std::string& value) {
  if (value == "ordered" || value == "random") return {};
  return Wanted(flag, value, "ordered or random");
}

cloud::rest::ZoneRotation::Strategy StrategyOf(const std::string& value) {
  using Strategy = cloud::rest::ZoneRotation::Strategy;
  return value == "random" ? Strategy::kRandom : Strategy::kOrdered;
}

Status CheckUrl(const char* flag, const std::string& url) {
  auto parsed = net::ParseBaseUrl(url);
  if (parsed) return {};
  return Fail(std::move(parsed.error()).Annotated(fmt::format("--{}", flag)));
}

std::string HostHeader(const net::BaseUrl& url) {
  return url.port == (url.https ? 443 : 80) ? url.host : fmt::format("{}:{}", url.host, url.port);
}

Result<std::unique_ptr<net::HttpClient>> Connect(Runtime& runtime, const std::string& url) {
  net::HttpClientOptions options;
  options.base_url = url;
  return net::NewRestClient(runtime, std::move(options));
}

}  // namespace spillway::cmd
