#pragma once

#include <map>
#include <string>

#include "base/time.h"
#include "net/http_server.h"
#include "tests/emulators/eksci/fields.h"

// Whether a request is signed as Tencent Cloud's documents say; written from those, not from the provider.
namespace spillway::emulators::eksci {

struct Key {
  std::string secret;
  std::string session_token;  // not empty: requests must bring it
  bool is_expired = false;
};

// Checks signature, key, token and clock: one further than 5 minutes from `now` is refused. An empty code: it is good.
Complaint Verify(const net::ServerRequest& request, const std::map<std::string, Key>& keys, WallTime now);

}  // namespace spillway::emulators::eksci
