#pragma once

#include <memory>
#include <string>

#include "sandbox/rest/api_server.h"
#include "sandbox/rest/rest_request.h"
#include "sandbox/store/selectors.h"
#include "sandbox/views/representation.h"

// The parts of ApiServer::Handle; not for other rooms.
namespace spillway::sandbox {

// A response that stands for a broken connection: no complete answer. See ApiServer::Handle.
inline constexpr int kBrokenConnection = 0;

net::ServerResponse JsonResponse(int status, std::string body);
net::ServerResponse ErrorResponse(const ApiError& error);

// Everything but watches and logs: reads and writes of one request, synchronously.
net::ServerResponse ServeResource(Store& store, const RestRequest& request);
net::ServerResponse ServeList(Store& store, const RestRequest& request);
net::ServerResponse ServeSubresource(Store& store, const RestRequest& request);
ApiResult<DeleteOptions> ReadDeleteOptions(const RestRequest& request);

// A stream that can end as if the connection had broken. The in-process transport's can; over HTTPS a broken watch ends
// as an API server's shutdown ends it.
class BreakableStream : public net::ResponseStream {
 public:
  virtual void Break() = 0;
};

struct WatchContext {
  Runtime& runtime;
  Store& store;
  Faults& faults;
  Duration bookmark_period;
};
// Answers a watch: an error, or a response whose stream runs it.
net::ServerResponse ServeWatch(WatchContext context, const RestRequest& request);

// Paths that are no resources: discovery, versions, health, OpenAPI.
net::ServerResponse ServeNonResource(const net::ServerRequest& request);

// POSTs that store nothing: access and token reviews.  Nullopt when the path is none of them.
std::optional<net::ServerResponse> ServeReview(const net::ServerRequest& request);

}  // namespace spillway::sandbox
