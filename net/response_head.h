#pragma once

#include <string>

#include "net/http_server.h"

namespace spillway::net::internal {

// False for 204 and 304, which end with their head.
bool MayHaveBody(int status);

// Status line and headers of `response`, with the empty line. `chunked`: its body follows in chunks instead of at once.
// Headers that a handler has filled with line breaks are left out.
std::string ResponseHead(const ServerResponse& response, bool chunked, bool keep_alive);

}  // namespace spillway::net::internal
