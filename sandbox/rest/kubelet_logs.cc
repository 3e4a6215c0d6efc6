#include "sandbox/rest/kubelet_logs.h"

#include <fmt/core.h>

#include <map>
#include <memory>
#include <utility>

#include "net/http_client.h"
#include "sandbox/rest/api_core.h"

namespace spillway::sandbox {
namespace {

constexpr Duration kFollowSilence = std::chrono::hours(4);  // upstream's streaming idle timeout

class KubeletLogs : public std::enable_shared_from_this<KubeletLogs> {
 public:
  KubeletLogs(Runtime& runtime, std::string authority, net::CertificateAndKey client)
      : runtime_(runtime), material_{std::move(authority), std::move(client.cert_pem), std::move(client.key_pem)} {}

  Task<net::ServerResponse> Fetch(LogRequest wanted) {
    if (wanted.kubelet_url.empty()) {
      co_return Unreachable(wanted, "its Node has no address or no kubelet port");
    }
    auto client = ClientFor(wanted.kubelet_url);
    if (!client) co_return Unreachable(wanted, client.error().message);
    net::HttpRequest request;
    request.path = wanted.path + (wanted.query.empty() ? "" : "?" + wanted.query);
    if (wanted.query.find("follow=true") != std::string::npos) {
      net::ServerResponse streaming = PlainText(200, "");
      streaming.stream = [self = shared_from_this(), http = *client,
                          request](std::shared_ptr<net::ResponseStream> out) {
        return self->Follow(http, request, std::move(out));
      };
      co_return streaming;
    }
    auto fetched = co_await (*client)->Send(std::move(request));
    if (!fetched) co_return Unreachable(wanted, fetched.error().message);
    if (fetched->status == 200) co_return PlainText(200, std::move(fetched->body));
    ApiError refused = BadRequest(fmt::format("the kubelet of node {} answered {}: {}", wanted.node, fetched->status,
                                              fetched->body.substr(0, 1024)));
    refused.code = fetched->status;
    co_return ErrorResponse(refused);
  }

 private:
  static net::ServerResponse PlainText(int status, std::string body) {
    net::ServerResponse response = JsonResponse(status, std::move(body));
    response.content_type = "text/plain";
    return response;
  }

  static net::ServerResponse Unreachable(const LogRequest& wanted, const std::string& why) {
    return ErrorResponse(InternalError(fmt::format("Get \"{}{}\": the kubelet of node {} cannot be asked: {}",
                                                   wanted.kubelet_url, wanted.path, wanted.node, why)));
  }

  Result<std::shared_ptr<net::HttpClient>> ClientFor(const std::string& url) {
    auto& known = clients_[url];
    if (known) return known;
    net::HttpClientOptions options;
    options.base_url = url;
    options.threads = threads_;
    options.tls = [material = material_]() -> Result<net::TlsMaterial> { return material; };
    auto made = net::NewHttpClient(runtime_, std::move(options));
    if (!made) return Fail(made.error());
    known = std::move(*made);
    return known;
  }

  Task<void> Follow(std::shared_ptr<net::HttpClient> client, net::HttpRequest request,
                    std::shared_ptr<net::ResponseStream> out) {
    request.timeout = kFollowSilence;
    Runtime& runtime = runtime_;
    request.on_data = [&runtime, out](std::string_view bytes) {
      runtime.Post([out, copy = std::string(bytes)] { out->Write(copy); });
    };
    auto done = co_await client->Send(std::move(request));
    if (!done) {
      out->Write(fmt::format("the log stream broke: {}\n", done.error().message));
    } else if (done->status != 200) {
      out->Write(done->body);
    }
    co_await runtime.SleepFor(Duration(0));  // after the bytes posted above
  }

  Runtime& runtime_;
  const net::TlsMaterial material_;
  const std::shared_ptr<net::HttpClientThreads> threads_ = net::StartHttpClientThreads();
  std::map<std::string, std::shared_ptr<net::HttpClient>> clients_;
};

}  // namespace

LogSource NewKubeletLogSource(Runtime& runtime, std::string authority_pem, net::CertificateAndKey client) {
  auto logs = std::make_shared<KubeletLogs>(runtime, std::move(authority_pem), std::move(client));
  return [logs](LogRequest wanted) { return logs->Fetch(std::move(wanted)); };
}

}  // namespace spillway::sandbox
