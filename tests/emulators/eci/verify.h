#pragma once

#include <map>
#include <string>

#include "net/http_server.h"
#include "tests/emulators/eci/group.h"

// Whether a request is signed as Alibaba Cloud's documents say; written from those, not from the provider.
namespace spillway::emulators::eci {

struct Key {
  std::string secret;
  std::string session_token;  // not empty: requests must bring it
  bool is_expired = false;
};

// What a request asks for, whichever signature it has.
struct SignedCall {
  std::string api, version, key_id, nonce, date;
  ParameterMap parameters;  // those of the API
};

struct Verdict {
  int status = 200;
  std::string code, message;  // an empty code: it is good
};

// Reads `call` and checks signature, key, date and body digest. A clock further than 15 minutes from `now` is refused.
Verdict Verify(const net::ServerRequest& request, const std::map<std::string, Key>& keys, WallTime now,
               SignedCall& call);

}  // namespace spillway::emulators::eci
