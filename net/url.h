#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace spillway::net {

// The base address of a server: scheme, host, port and an optional path in front of all requests.
struct BaseUrl {
  bool https = true;
  std::string host;  // in lower case, an IPv6 address without brackets
  std::uint16_t port = 443;
  std::string path;  // "" or "/prefix", without a slash at the end

  bool host_is_ip() const;
  bool host_is_loopback() const;  // 127.0.0.0/8, ::1 or "localhost"
  // Where a cloud's machines ask about themselves, over plain HTTP by nature: 169.254.0.0/16, 100.100.100.200. The
  // hypervisor answers; nothing of it leaves the machine.
  bool host_is_metadata_service() const;
  std::string ToString() const;  // "https://[::1]:6443/prefix"; the port is always shown
};

// "https://host:port/prefix"; port and prefix may be absent. kInvalidArgument names what is wrong.
Result<BaseUrl> ParseBaseUrl(std::string_view url);

}  // namespace spillway::net
