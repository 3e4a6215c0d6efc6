#include "sandbox/rest/api_server.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "sandbox/rest/api_core.h"
#include "sandbox/rest/node_restriction.h"
#include "sandbox/rest/service_proxy.h"
#include "sandbox/store/json_path.h"

namespace spillway::sandbox {
namespace {

net::ServerResponse Broken() { return JsonResponse(kBrokenConnection, ""); }

// What a fault answers instead of the server; nullopt when it lets the request through.
std::optional<net::ServerResponse> AnswerOf(Faults::Verdict::Kind fault, const RestRequest& request) {
  using Fault = Faults::Verdict::Kind;
  switch (fault) {
    case Fault::kRefused:
    case Fault::kSilent:
      return Broken();
    case Fault::kForbidden:
      return ErrorResponse(Forbidden(*request.kind, request.name,
                                     "ValidatingAdmissionPolicy 'quiet-hours' with binding 'all' denied request: not "
                                     "now"));
    case Fault::kUnavailable:
      return ErrorResponse(
          {503, "ServiceUnavailable", "the server is currently unable to handle the request", nullptr});
    case Fault::kInternalError:
      return ErrorResponse(InternalError("etcdserver: request timed out"));
    case Fault::kThrottle:
      return ErrorResponse(
          TooManyRequests("the server has received too many requests and has asked us to try again later", 1));
    case Fault::kConflict:
      return ErrorResponse(
          Conflict(*request.kind, request.kind->GroupResource(), request.name,
                   "the object has been modified; please apply your changes to the latest version and try "
                   "again"));
    case Fault::kGone:
      return ErrorResponse(Expired("The resourceVersion for the provided list is too old."));
    case Fault::kLostReply:
    case Fault::kCutAnswer:
    case Fault::kNone:
      return std::nullopt;
  }
  return std::nullopt;
}

Task<void> SayAndBreak(std::string text, std::shared_ptr<net::ResponseStream> stream) {
  stream->Write(text);
  if (auto* breakable = dynamic_cast<BreakableStream*>(stream.get())) breakable->Break();
  co_return;
}

Faults::RequestKey KeyOf(const RestRequest& request) {
  const std::string version = request.Param("resourceVersion");
  return {request.user, request.verb, request.ResourceName(),
          !request.Param("continue").empty() || (!version.empty() && version != "0")};
}

// The whole answer, but for its second half.
net::ServerResponse CutInTheMiddle(net::ServerResponse response) {
  const std::string half = response.body.substr(0, response.body.size() / 2);
  response.body.clear();
  response.stream = [half](std::shared_ptr<net::ResponseStream> stream) {
    return SayAndBreak(half, std::move(stream));
  };
  return response;
}

// No page with more than `most` objects for who asks for pages.
void LimitPage(RestRequest& request, std::int64_t most) {
  for (auto& [name, value] : request.query) {
    if (name == "limit" && most > 0) value = fmt::format("{}", std::min<std::int64_t>(most, std::atoll(value.c_str())));
  }
}

// The node's kubelet endpoint, as `kubectl logs` reaches it through the API server.
std::string KubeletUrl(const Json& node) {
  std::string address;
  for (const char* type : {"InternalIP", "ExternalIP", "Hostname"}) {
    for (const Json& each : ArrayAt(node, "status.addresses")) {
      if (address.empty() && TextAt(each, "type") == type) address = TextAt(each, "address");
    }
  }
  const std::int64_t port = IntAt(node, "status.daemonEndpoints.kubeletEndpoint.Port", 0);
  if (address.empty() || port <= 0) return "";
  if (address.find(':') != std::string::npos) address = "[" + address + "]";
  return fmt::format("https://{}:{}", address, port);
}

// Which container; upstream asks for a name when there is more than one.
// Source: pkg/registry/core/pod/strategy.go LogLocation.
ApiResult<std::string> LogContainer(const Json& pod, const std::string& wanted) {
  std::vector<std::string> names;
  std::string all;
  for (const char* list : {"containers", "initContainers"}) {
    std::string some;
    for (const Json& container : ArrayAt(pod, std::string("spec.") + list)) {
      std::string name = TextAt(container, "name");
      if (name == wanted) return name;
      some += (some.empty() ? "" : " ") + name;
      if (std::string_view(list) == "containers") names.push_back(std::move(name));
    }
    if (!some.empty())
      all += all.empty() ? fmt::format("[{}]", some) : fmt::format(" or one of the init containers: [{}]", some);
  }
  const std::string pod_name = TextAt(pod, "metadata.name");
  if (!wanted.empty()) return Refuse(BadRequest(fmt::format("container {} is not valid for pod {}", wanted, pod_name)));
  if (names.size() == 1) return names.front();
  return Refuse(
      BadRequest(fmt::format("a container name must be specified for pod {}, choose one of: {}", pod_name, all)));
}

ApiResult<LogRequest> FindLogs(const Store& store, const RestRequest& request) {
  const auto pod = store.Get("pods", request.ns, request.name);
  if (!pod) return Refuse(pod.error());
  auto container = LogContainer(*pod, request.Param("container"));
  if (!container) return Refuse(container.error());
  const std::string node_name = TextAt(*pod, "spec.nodeName");
  const auto node = store.Get("nodes", "", node_name);
  return LogRequest{.ns = request.ns,
                    .pod = request.name,
                    .container = *container,
                    .query = request.raw_query,
                    .node = node_name,
                    .kubelet_url = node ? KubeletUrl(*node) : "",
                    .path = fmt::format("/containerLogs/{}/{}/{}", request.ns, request.name, *container)};
}

}  // namespace

ApiServer::ApiServer(Runtime& runtime, ApiServerOptions options)
    : runtime_(runtime), options_(options), store_(runtime, options.watch_window), faults_(runtime, options.seed) {}

ApiServer::~ApiServer() = default;

Task<net::ServerResponse> ApiServer::Handle(net::ServerRequest http) {
  auto parsed = ParseRestRequest(http);
  if (!parsed) {
    auto review = ServeReview(http);
    co_return review ? std::move(*review) : ServeNonResource(http);
  }
  if (!*parsed) {
    auto review = ServeReview(http);  // reviews look like resources, but nothing is kept
    co_return review ? std::move(*review) : ErrorResponse(parsed->error());
  }
  RestRequest request = std::move(**parsed);
  const Faults::Verdict verdict = faults_.Judge(KeyOf(request));
  LimitPage(request, verdict.page_limit);
  if (verdict.delay > Duration(0)) co_await runtime_.SleepFor(verdict.delay);
  if (verdict.kind == Faults::Verdict::Kind::kSilent) co_await runtime_.SleepUntil(verdict.silent_until);
  if (auto answer = AnswerOf(verdict.kind, request)) {
    if (answer->status == 410 && !request.Param("continue").empty()) faults_.CountGoneInList();
    co_return std::move(*answer);
  }
  if (auto allowed = AuthorizeKubelet(request); !allowed) co_return ErrorResponse(allowed.error());
  if (request.verb == "watch") {
    const WatchContext context{runtime_, store_, faults_, options_.bookmark_period};
    co_return ServeWatch(context, request);
  }
  if (request.kind->plural == "pods" && request.subresource == "log" && request.verb == "get") {
    Task<net::ServerResponse> logs = ServeLogs(request);
    co_return co_await std::move(logs);
  }
  if (request.kind->plural == "services" && request.subresource == "proxy" && request.verb == "get") {
    Task<net::ServerResponse> proxied = ServeProxy(request);
    co_return co_await std::move(proxied);
  }
  net::ServerResponse response = ServeObserved(http, request);
  if (response.status == 410 && !request.Param("continue").empty()) faults_.CountGoneInList();
  if (verdict.kind == Faults::Verdict::Kind::kLostReply) co_return Broken();
  const bool cut = verdict.kind == Faults::Verdict::Kind::kCutAnswer && response.status < 300;
  co_return cut ? CutInTheMiddle(std::move(response)) : std::move(response);
}

net::ServerResponse ApiServer::ServeObserved(const net::ServerRequest& http, const RestRequest& request) {
  if (!write_observer_ || request.verb == "get" || request.verb == "list") return ServeResource(store_, request);
  const StoredPtr before = store_.etcd().Get(StorageOf(*request.kind), request.ns, request.name);
  net::ServerResponse response = ServeResource(store_, request);
  write_observer_({http, request.user, before, response});
  return response;
}

Task<net::ServerResponse> ApiServer::ServeLogs(RestRequest request) {
  auto logs = FindLogs(store_, request);
  if (!logs) co_return ErrorResponse(logs.error());
  if (logs->node.empty()) {  // not on a node yet: nothing has been said
    net::ServerResponse nothing = JsonResponse(200, "");
    nothing.content_type = "text/plain";
    co_return nothing;
  }
  if (!log_source_) {
    co_return ErrorResponse({501, "NotImplemented", "no source of logs is connected to this API server", nullptr});
  }
  LogRequest wanted = std::move(*logs);
  Task<net::ServerResponse> answer = log_source_(std::move(wanted));
  co_return co_await std::move(answer);
}

Task<net::ServerResponse> ApiServer::ServeProxy(RestRequest request) {
  auto endpoint = FindEndpoint(store_, request);
  if (!endpoint) co_return ErrorResponse(endpoint.error());
  if (!service_source_) {
    co_return ErrorResponse({501, "NotImplemented", "nothing answers behind the Services of this API server", nullptr});
  }
  ServiceRequest wanted = std::move(*endpoint);
  Task<net::ServerResponse> answer = service_source_(std::move(wanted));
  co_return co_await std::move(answer);
}

}  // namespace spillway::sandbox
