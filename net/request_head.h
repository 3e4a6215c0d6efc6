#pragma once

#include <string>

#include "base/result.h"
#include "net/http_client.h"
#include "net/url.h"

namespace spillway::net::internal {

// All bytes of `request` as HTTP/1.1, to the server of `base`. kInvalidArgument when it cannot be sent as it is: a
// blank in the path, a line break in a header. Host and framing are ours, whatever the request's headers say.
Result<std::string> RequestBytes(const HttpRequest& request, const BaseUrl& base);

}  // namespace spillway::net::internal
