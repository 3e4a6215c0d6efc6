#pragma once

#include <memory>

#include "base/result.h"
#include "base/runtime.h"
#include "net/http_client.h"

namespace spillway::net {

// Request and answer to clouds' REST APIs, on cpprestsdk, behind the seam of http_client.h and with its errors. Takes
// base_url, tls and headers of the options; what is for streams, or for a server with another name than its host's, is
// kInvalidArgument. Plain HTTP also goes to the metadata service of a cloud's machine.
//
// A request with a body is never sent twice; one without may be, on a new connection, when a kept one has been closed.
// A write that got no answer may have been carried out: make it idempotent. Who cancels, or runs out of time, waits no
// longer; the library drops the connection within a minute.
Result<std::unique_ptr<HttpClient>> NewRestClient(Runtime& runtime, HttpClientOptions options);

// Threads for all REST clients of the process; call first thing in main().
void InitRestClients(int threads);

}  // namespace spillway::net
