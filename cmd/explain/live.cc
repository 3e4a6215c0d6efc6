#include "cmd/explain/live.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "net/http_client.h"

namespace spillway::cmd {
namespace {

using Json = nlohmann::json;

constexpr int kTries = 6;  // for a leader among two or three replicas, and against "too often"
constexpr Duration kLongestWait = std::chrono::seconds(2);
constexpr std::size_t kLongestMessage = 300;

std::string PathOf(const LiveQuestion& question) {
  const ServiceName& service = question.service;
  const std::string proxy = fmt::format("/api/v1/namespaces/{}/services/http:{}:{}/proxy", kube::UrlEncode(service.ns),
                                        kube::UrlEncode(service.name), kube::UrlEncode(service.port));
  return fmt::format("{}/explain/v1/namespaces/{}/pods/{}{}", question.url.empty() ? proxy : "",
                     kube::UrlEncode(question.ns), kube::UrlEncode(question.pod),
                     question.all_nodes ? "?nodes=all" : "");
}

std::string Printable(std::string text) {
  text.resize(std::min(text.size(), kLongestMessage));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

std::string Where(const LiveQuestion& question) {
  const ServiceName& service = question.service;
  if (!question.url.empty()) return question.url;
  return fmt::format("Service {}/{}, port {}", service.ns, service.name, service.port);
}

class DirectTransport final : public kube::Transport {
 public:
  explicit DirectTransport(std::unique_ptr<net::HttpClient> client) : client_(std::move(client)) {}

  Task<Result<kube::Response>> Send(kube::Request request) override {
    net::HttpRequest get;
    get.path = std::move(request.path);
    get.timeout = request.timeout;
    Result<net::HttpResponse> got = co_await client_->Send(std::move(get));
    if (!got) co_return Fail(std::move(got.error()));
    kube::Response response;
    response.status = got->status;
    response.body = std::move(got->body);
    co_return response;
  }

 private:
  std::unique_ptr<net::HttpClient> client_;
};

// The controller's own words; nullptr when somebody else answered.
const Json* OwnError(const Json& body) {
  if (!body.is_object()) return nullptr;
  const auto error = body.find("error");
  if (error == body.end() || !error->is_object()) return nullptr;
  const auto message = error->find("message");
  return message != error->end() && message->is_string() ? &*message : nullptr;
}

Error Refused(const LiveQuestion& question, const kube::Response& response) {
  const Json body = Json::parse(response.body, nullptr, false);
  const std::string where = Where(question);
  if (const Json* message = OwnError(body); message != nullptr) {
    return {response.status == 404 ? Code::kNotFound : Code::kUnavailable,
            (response.status == 404 ? "" : "the controller cannot answer: ") + Printable(message->get<std::string>())};
  }
  Error error = kube::ToError(response);
  const std::string why = Printable(error.message);
  const bool from_api_server = body.is_object() && body.value("kind", Json()) == "Status";
  if (response.status == 401 || response.status == 403) {
    error.message = fmt::format(
        "you may not ask the controller: this needs get on services/proxy in namespace {} ({}); "
        "see docs/explain.md#permission",
        question.service.ns, why);
  } else if (response.status == 404 && from_api_server) {
    error.message = fmt::format("there is no {} ({}); name the controller's with --service", where, why);
  } else if (response.status == 404) {
    error.message = fmt::format(
        "what answers at {} does not explain: is it a controller, and none that is older than "
        "this command or runs with --explain=false?",
        where);
  } else {
    error.message = fmt::format("the controller does not answer at {}: {}", where, why);
  }
  return error;
}

bool IsByStandby(const Json& answer) {
  const auto spillway = answer.find("spillway");
  return spillway != answer.end() && spillway->is_object() && spillway->value("leads", Json()) == false;
}

}  // namespace

Result<ServiceName> ParseServiceName(std::string_view text) {
  const std::size_t slash = text.find('/'), colon = text.rfind(':');
  ServiceName name;
  if (slash != std::string_view::npos && colon != std::string_view::npos && slash < colon) {
    name = {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1, colon - slash - 1)),
            std::string(text.substr(colon + 1))};
  }
  const auto is_plain = [](const std::string& part) {
    return !part.empty() && part.find_first_of("/:") == std::string::npos;
  };
  if (is_plain(name.ns) && is_plain(name.name) && is_plain(name.port)) return name;
  return Fail(Code::kInvalidArgument, fmt::format("--service={}: want namespace/name:port", text));
}

Result<std::unique_ptr<kube::Transport>> NewDirectTransport(Runtime& runtime, const std::string& url) {
  net::HttpClientOptions options;
  options.base_url = url;
  auto client = net::NewHttpClient(runtime, std::move(options));
  if (!client) return Fail(std::move(client.error()).Annotated("--url=" + url));
  return std::make_unique<DirectTransport>(std::move(*client));
}

Task<Result<std::string>> AskController(Runtime& runtime, kube::Transport& transport, LiveQuestion question) {
  for (int tries = 1;; ++tries) {
    kube::Request request;
    request.path = PathOf(question);
    Result<kube::Response> response = co_await transport.Send(std::move(request));
    if (!response) {
      const std::string whom = question.url.empty() ? "asking the API server" : question.url;
      co_return Fail(std::move(response.error()).Annotated(whom));
    }
    if (response->status == 429 && tries < kTries) {
      const Duration wait = std::clamp(response->retry_after, Duration(std::chrono::milliseconds(200)), kLongestWait);
      co_await runtime.SleepFor(wait);
      continue;
    }
    if (response->status != 200) co_return Fail(Refused(question, *response));
    const Json answer = Json::parse(response->body, nullptr, false);
    if (!answer.is_object()) {
      co_return Fail(Code::kMalformed, fmt::format("what answers at {} is no Spillway controller", Where(question)));
    }
    if (!IsByStandby(answer) || tries >= kTries) co_return std::move(response->body);
  }
}

}  // namespace spillway::cmd
