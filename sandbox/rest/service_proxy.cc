#include "sandbox/rest/service_proxy.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "sandbox/rest/api_core.h"
#include "sandbox/store/json_path.h"

namespace spillway::sandbox {
namespace {

ApiError Unavailable(std::string message) { return {503, "ServiceUnavailable", std::move(message), nullptr}; }

struct Target {
  std::string scheme, name, port;
};

// "name", "name:port", "scheme:name:port".
std::optional<Target> ParseTarget(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t colon = text.find(':', begin);
    parts.push_back(text.substr(begin, colon - begin));
    if (colon == std::string::npos) break;
    begin = colon + 1;
  }
  if (parts.size() == 1) return Target{"http", parts[0], ""};
  if (parts.size() == 2) return Target{"http", parts[0], parts[1]};
  if (parts.size() != 3 || (!parts[0].empty() && parts[0] != "http" && parts[0] != "https")) return std::nullopt;
  return Target{parts[0].empty() ? "http" : parts[0], parts[1], parts[2]};
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// A port number stands for the name that the Service gives it.
ApiResult<std::string> PortName(const Store& store, const std::string& ns, const Target& target) {
  if (!IsNumber(target.port)) return target.port;
  const auto service = store.Get("services", ns, target.name);
  if (!service) return Refuse(service.error());
  for (const Json& port : ArrayAt(*service, "spec.ports")) {
    if (std::to_string(IntAt(port, "port", 0)) == target.port) return TextAt(port, "name");
  }
  return Refuse(Unavailable(fmt::format("no service port {} found for service \"{}\"", target.port, target.name)));
}

// Only Pods of the Service's own namespace are proxied to.
bool IsPodWith(const Store& store, const std::string& ns, const Json& address) {
  if (TextAt(address, "targetRef.namespace") != ns) return false;
  const auto pod = store.Get("pods", ns, TextAt(address, "targetRef.name"));
  if (!pod) return false;
  const Json& ips = ArrayAt(*pod, "status.podIPs");
  return std::any_of(ips.begin(), ips.end(), [&](const Json& ip) { return TextAt(ip, "ip") == TextAt(address, "ip"); });
}

// "10.0.0.7:8080"
std::optional<std::string> AddressOf(const Store& store, const std::string& ns, const Json& endpoints,
                                     const std::string& port_name) {
  for (const Json& subset : ArrayAt(endpoints, "subsets")) {
    for (const Json& port : ArrayAt(subset, "ports")) {
      if (TextAt(port, "name") != port_name) continue;
      for (const Json& address : ArrayAt(subset, "addresses")) {
        if (!IsPodWith(store, ns, address)) continue;
        return fmt::format("{}:{}", TextAt(address, "ip"), IntAt(port, "port", 0));
      }
    }
  }
  return std::nullopt;
}

class HttpServices : public std::enable_shared_from_this<HttpServices> {
 public:
  explicit HttpServices(Runtime& runtime) : runtime_(runtime) {}

  Task<net::ServerResponse> Fetch(ServiceRequest wanted) {
    auto client = ClientFor(wanted.url);
    if (!client) co_return Unreachable(client.error().message);
    net::HttpRequest request;
    request.path = wanted.path + (wanted.query.empty() ? "" : "?" + wanted.query);
    auto fetched = co_await (*client)->Send(std::move(request));
    if (!fetched) co_return Unreachable(fetched.error().message);
    net::ServerResponse response;
    response.status = fetched->status;
    response.body = std::move(fetched->body);
    for (auto& [name, value] : fetched->headers) {
      if (name == "content-type") response.content_type = value;
      if (name == "retry-after") response.headers.emplace_back("Retry-After", value);
    }
    co_return response;
  }

 private:
  static net::ServerResponse Unreachable(const std::string& why) {
    return ErrorResponse(Unavailable("error trying to reach service: " + why));
  }

  Result<std::shared_ptr<net::HttpClient>> ClientFor(const std::string& url) {
    auto& known = clients_[url];
    if (known) return known;
    net::HttpClientOptions options;
    options.base_url = url;
    options.threads = threads_;
    auto made = net::NewHttpClient(runtime_, std::move(options));
    if (!made) return Fail(made.error());
    known = std::move(*made);
    return known;
  }

  Runtime& runtime_;
  const std::shared_ptr<net::HttpClientThreads> threads_ = net::StartHttpClientThreads();
  std::map<std::string, std::shared_ptr<net::HttpClient>> clients_;
};

}  // namespace

ApiResult<ServiceRequest> FindEndpoint(const Store& store, const RestRequest& request) {
  const std::optional<Target> target = ParseTarget(request.name);
  if (!target) return Refuse(BadRequest(fmt::format("invalid service request \"{}\"", request.name)));
  const auto port = PortName(store, request.ns, *target);
  if (!port) return Refuse(port.error());
  const auto endpoints = store.Get("endpoints", request.ns, target->name);
  if (!endpoints) return Refuse(endpoints.error());
  if (ArrayAt(*endpoints, "subsets").empty()) {
    return Refuse(Unavailable(fmt::format("no endpoints available for service \"{}\"", target->name)));
  }
  const auto found = AddressOf(store, request.ns, *endpoints, *port);
  if (!found) return Refuse(Unavailable(fmt::format("no endpoints available for service \"{}\"", request.name)));
  return ServiceRequest{
      .url = fmt::format("{}://{}", target->scheme, *found), .path = request.proxy_path, .query = request.raw_query};
}

ServiceSource NewHttpServiceSource(Runtime& runtime) {
  auto services = std::make_shared<HttpServices>(runtime);
  return [services](ServiceRequest wanted) { return services->Fetch(std::move(wanted)); };
}

}  // namespace spillway::sandbox
