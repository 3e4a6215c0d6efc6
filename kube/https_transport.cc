#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "kube/credentials.h"
#include "kube/exec_plugin.h"
#include "net/http_client.h"
#include "net/rotated_files.h"

namespace spillway::kube {
namespace {

constexpr Duration kTokenCheck = std::chrono::seconds(10);
// A plugin that fails is not run for each request.
constexpr Duration kPluginPause = std::chrono::seconds(5);
// A credential is renewed this long before it expires.
constexpr Duration kExpiryMargin = std::chrono::seconds(10);

std::string Trim(std::string text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back())) text.pop_back();
  text.erase(0, static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_space) - text.begin()));
  return text;
}

// A bearer token in a file that somebody else rotates. Loop thread only.
class TokenFile {
 public:
  TokenFile(Runtime& runtime, std::string path) : runtime_(runtime), file_(std::move(path), "token file") {}

  // Looks at the file at most every ten seconds. An unreadable file leaves the last good token in use.
  Result<std::string> Get() {
    if (!is_set() || (!token_.empty() && runtime_.Now() < next_check_)) return token_;
    next_check_ = runtime_.Now() + kTokenCheck;
    auto text = file_.Get();
    if (!text && token_.empty()) return Fail(std::move(text.error()));
    if (!text) {
      log::Warning("keeping the last token", {{"why", text.error().message}});
      return token_;
    }
    std::string token = Trim(std::move(*text));
    if (token.empty() && token_.empty())
      return Fail(Code::kUnauthenticated, fmt::format("token file {} is empty", file_.path()));
    if (!token.empty()) token_ = std::move(token);
    return token_;
  }
  // The next Get() looks, whenever the last look was.
  void Distrust() {
    next_check_ = {};
    file_.Distrust();
  }
  bool is_set() const { return !file_.path().empty(); }

 private:
  Runtime& runtime_;
  net::RotatedFile file_;
  std::string token_;
  Instant next_check_{};
};

// "3" (seconds); a date is taken for absent.
Duration RetryAfter(const net::HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (name != "retry-after") continue;
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc() && seconds >= 0) return std::chrono::seconds(std::min<std::int64_t>(seconds, 3600));
  }
  return Duration(0);
}

std::string DateOf(const net::HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "date") return value;
  }
  return "";
}

// "/k8s/clusters/c-1" of "https://rancher/k8s/clusters/c-1".
std::string PathOf(const std::string& server) {
  const auto authority = server.find("://");
  const auto slash = authority == std::string::npos ? authority : server.find('/', authority + 3);
  return slash == std::string::npos ? "" : server.substr(slash);
}

// What must not wait has connections of its own: a burst of one kind cannot hold up another. By the path, so that no
// caller can forget.
std::uint8_t LaneOf(std::string_view path) {
  path = path.substr(0, path.find('?'));
  constexpr std::string_view kGroups[] = {"/apis/coordination.k8s.io/", "/apis/events.k8s.io/", "/api/v1/nodes/"};
  constexpr std::string_view kSubresources[] = {"/binding", "/status"};
  std::uint8_t lane = 0;
  for (const std::string_view group : kGroups) {
    ++lane;
    if (path.starts_with(group)) return lane;
  }
  for (const std::string_view subresource : kSubresources) {
    ++lane;
    if (path.ends_with(subresource)) return lane;
  }
  return 0;
}

class HttpsTransport final : public Transport {
 public:
  HttpsTransport(Runtime& runtime, const ClientConfig& config)
      : runtime_(runtime),
        config_(config),
        path_prefix_(PathOf(config.server)),
        threads_(net::StartHttpClientThreads()),
        tls_(std::make_shared<net::TlsFiles>(net::TlsFiles::Text{config.ca_data, config.ca_file},
                                             net::TlsFiles::Text{config.client_cert_data, config.client_cert_file},
                                             net::TlsFiles::Text{config.client_key_data, config.client_key_file})),
        token_file_(runtime, config.token_file) {
    if (config_.exec) plugin_ = std::make_unique<ExecPlugin>(runtime, config_);
  }

  // Checks what can be checked without a connection.
  Status Open();
  Task<Result<Response>> Send(Request request) override;

 private:
  // New connections: those there are keep the certificate they were made with.
  Status Reconnect();
  // The bearer token of the moment; empty without one.
  Task<Result<std::string>> Token();
  Task<Status> RunPlugin();
  bool IsFresh() const;
  // Whether trying again with other credentials makes sense.
  bool DistrustCredentials();
  net::HttpRequest ToHttp(const Request& request, const std::string& token) const;

  Runtime& runtime_;
  const ClientConfig config_;
  const std::string path_prefix_;
  std::shared_ptr<net::HttpClientThreads> threads_;
  std::shared_ptr<net::TlsFiles> tls_;
  std::shared_ptr<net::HttpClient> client_;  // shared with the requests under way
  TokenFile token_file_;

  std::unique_ptr<ExecPlugin> plugin_;
  std::optional<ExecCredential> credential_;
  std::optional<Error> plugin_failure_;
  Instant plugin_failed_at_{};
  bool plugin_runs_ = false;
  std::vector<OneShot<bool>> waiting_for_plugin_;
};

Status HttpsTransport::Open() {
  if (config_.server.starts_with("https://")) {
    if (auto material = tls_->Get(); !material) return Fail(std::move(material.error()));
  }
  return Reconnect();
}

Status HttpsTransport::Reconnect() {
  net::HttpClientOptions options;
  // net/ takes the bare origin; a path in front of the API (Rancher, kubectl proxy) is ours to add.
  options.base_url = config_.server.substr(0, config_.server.size() - PathOf(config_.server).size());
  options.server_name = config_.tls_server_name;
  options.tls = [tls = tls_] { return tls->Get(); };
  options.threads = threads_;
  auto client = net::NewHttpClient(runtime_, std::move(options));
  if (!client) return Fail(std::move(client.error()));
  client_ = std::move(*client);
  return {};
}

bool HttpsTransport::IsFresh() const {
  return credential_ && (!credential_->expires || runtime_.WallNow() + kExpiryMargin < *credential_->expires);
}

Task<Status> HttpsTransport::RunPlugin() {
  while (plugin_runs_) {
    OneShot<bool> turn(runtime_);
    waiting_for_plugin_.push_back(turn);
    co_await turn.Wait();
  }
  if (IsFresh()) co_return Status();
  if (plugin_failure_ && runtime_.Now() < plugin_failed_at_ + kPluginPause) co_return Fail(*plugin_failure_);
  // Whatever becomes of this flow, those who wait get their turn.
  struct Turn {
    HttpsTransport& self;
    ~Turn() {
      self.plugin_runs_ = false;
      for (const auto& waiting : std::exchange(self.waiting_for_plugin_, {})) waiting.Set(true);
    }
  };
  plugin_runs_ = true;
  const Turn turn{*this};
  Result<ExecCredential> answer = co_await plugin_->Run();
  if (!answer) {
    plugin_failed_at_ = runtime_.Now();
    plugin_failure_ = answer.error();
    co_return Fail(std::move(answer.error()));
  }
  plugin_failure_.reset();
  credential_ = std::move(*answer);
  if (credential_->client_cert_pem.empty()) co_return Status();
  tls_->ReplaceClientCertificate(credential_->client_cert_pem, credential_->client_key_pem);
  co_return Reconnect();
}

Task<Result<std::string>> HttpsTransport::Token() {
  if (token_file_.is_set()) co_return token_file_.Get();
  if (!config_.token.empty()) co_return config_.token;
  if (!plugin_) co_return std::string();
  if (!IsFresh()) {
    Status ran = co_await RunPlugin();
    if (!ran) co_return Fail(std::move(ran.error()));
  }
  co_return credential_->token;
}

bool HttpsTransport::DistrustCredentials() {
  if (token_file_.is_set()) {
    token_file_.Distrust();
    return true;
  }
  if (plugin_ && config_.token.empty()) {
    credential_.reset();
    return true;
  }
  // A certificate file may have been renewed since the connection was made.
  tls_->Distrust();
  return !config_.client_cert_file.empty() && Reconnect().has_value();
}

net::HttpRequest HttpsTransport::ToHttp(const Request& request, const std::string& token) const {
  net::HttpRequest http;
  http.method = ToString(request.method);
  http.path = path_prefix_ + request.path;
  http.body = request.body;
  http.timeout = request.timeout;
  http.cancel = request.cancel;
  http.lane = LaneOf(request.path);
  http.headers.emplace_back("accept", request.accept.empty() ? "application/json" : request.accept);
  http.headers.emplace_back("user-agent", "spillway");
  if (!request.body.empty()) {
    http.headers.emplace_back("content-type", request.content_type.empty() ? "application/json" : request.content_type);
  }
  if (!token.empty()) http.headers.emplace_back("authorization", "Bearer " + token);
  if (!request.sink) return http;
  http.on_data = [sink = request.sink, started = false](std::string_view bytes) mutable {
    if (!std::exchange(started, true)) sink->OnStart();
    if (!bytes.empty()) sink->OnData(bytes);
  };
  http.on_end = [sink = request.sink] { sink->OnEnd(); };
  return http;
}

Task<Result<Response>> HttpsTransport::Send(Request request) {
  for (int tries = 0;; ++tries) {
    Result<std::string> token = co_await Token();
    if (!token) co_return Fail(std::move(token.error()));
    net::HttpRequest http = ToHttp(request, *token);
    const std::shared_ptr<net::HttpClient> client = client_;
    Result<net::HttpResponse> answer = co_await client->Send(std::move(http));
    if (!answer) co_return Fail(std::move(answer.error()));
    if (answer->status == 401 && tries == 0 && DistrustCredentials()) continue;
    Response response;
    response.status = answer->status;
    response.retry_after = RetryAfter(*answer);
    response.date = DateOf(*answer);
    response.body = std::move(answer->body);
    co_return response;
  }
}

}  // namespace

Result<std::unique_ptr<Transport>> NewHttpsTransport(Runtime& runtime, ClientConfig config) {
  auto transport = std::make_unique<HttpsTransport>(runtime, config);
  if (auto opened = transport->Open(); !opened) return Fail(std::move(opened.error()));
  return transport;
}

}  // namespace spillway::kube
