#include "net/url.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace spillway::net {
namespace {

bool IsV4(const std::string& host) {
  in_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool IsV6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

}  // namespace

bool BaseUrl::host_is_ip() const { return IsV4(host) || IsV6(host); }

bool BaseUrl::host_is_loopback() const {
  return host == "localhost" || host == "::1" || (IsV4(host) && host.starts_with("127."));
}

bool BaseUrl::host_is_metadata_service() const {
  return IsV4(host) && (host.starts_with("169.254.") || host == "100.100.100.200");
}

std::string BaseUrl::ToString() const {
  const char* scheme = https ? "https" : "http";
  if (host.find(':') != std::string::npos) return fmt::format("{}://[{}]:{}{}", scheme, host, port, path);
  return fmt::format("{}://{}:{}{}", scheme, host, port, path);
}

Result<BaseUrl> ParseBaseUrl(std::string_view url) {
  const auto wrong = [&](std::string_view what) {
    return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is not a server address: {}", url, what));
  };
  BaseUrl parsed;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    parsed.https = false;
    parsed.port = 80;
  } else {
    return wrong("it must begin with https://");
  }
  const std::size_t authority_end = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  parsed.path = rest.substr(authority_end);
  while (parsed.path.ends_with('/')) parsed.path.pop_back();
  if (parsed.path.find_first_of("?# ") != std::string::npos) return wrong("it must not have a query or a fragment");

  const bool bracketed = authority.starts_with('[');
  const std::size_t host_end = bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos) return wrong("\"]\" is missing");
  parsed.host = bracketed ? authority.substr(1, host_end - 1) : authority.substr(0, host_end);
  std::transform(parsed.host.begin(), parsed.host.end(), parsed.host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (bracketed ? !IsV6(parsed.host)
                : parsed.host.empty() || !std::all_of(parsed.host.begin(), parsed.host.end(), IsHostCharacter)) {
    return wrong("the host is malformed");
  }
  authority.remove_prefix(std::min(host_end + (bracketed ? 1 : 0), authority.size()));
  if (authority.empty()) return parsed;
  const char* const end = authority.data() + authority.size();
  const auto [last, error] = std::from_chars(authority.data() + 1, end, parsed.port);
  if (authority.front() != ':' || error != std::errc() || last != end || parsed.port == 0) {
    return wrong("the port is malformed");
  }
  return parsed;
}

}  // namespace spillway::net
