#include "cmd/explain/endpoint.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace spillway::cmd {
namespace {

constexpr std::string_view kPrefix = "/explain/";

struct PodName {
  std::string ns, name;
};

std::optional<PodName> PodOf(std::string_view path) {
  constexpr std::string_view kBefore = "/explain/v1/namespaces/", kBetween = "/pods/";
  if (!path.starts_with(kBefore)) return std::nullopt;
  path.remove_prefix(kBefore.size());
  const std::size_t between = path.find(kBetween);
  if (between == std::string_view::npos) return std::nullopt;
  return PodName{std::string(path.substr(0, between)), std::string(path.substr(between + kBetween.size()))};
}

int StatusOf(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kThrottled:
      return 429;
    default:
      return 503;
  }
}

net::ServerResponse Refusal(int status, std::string_view code, const std::string& message) {
  net::ServerResponse response;
  response.status = status;
  response.body = nlohmann::json{{"error", {{"code", code}, {"message", message}}}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
  response.body += '\n';
  return response;
}

Task<net::ServerResponse> Answer(controller::Controller& controller, net::ServerRequest request) {
  if (request.method != "GET") co_return Refusal(405, "MethodNotAllowed", "only GET is answered here");
  auto pod = PodOf(request.path);
  if (!pod) co_return Refusal(404, "NoSuchPath", "there is /explain/v1/namespaces/{namespace}/pods/{name}");
  auto detail = controller::ExplainDetail::kGroups;
  for (const auto& [key, value] : net::ParseQuery(request.query)) {
    if (key == "nodes" && value == "all") detail = controller::ExplainDetail::kAllNodes;
  }
  Result<std::string> answer = co_await controller.Explain(std::move(pod->ns), std::move(pod->name), detail);
  net::ServerResponse response;
  if (answer) {
    response.body = std::move(*answer);
    co_return response;
  }
  const Error& error = answer.error();
  response = Refusal(StatusOf(error.code), base::ToString(error.code), error.message);
  if (error.retry_after > Duration(0)) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(error.retry_after).count();
    response.headers.emplace_back("Retry-After", std::to_string(seconds));
  }
  co_return response;
}

}  // namespace

net::Handler ExplainHandler(controller::Controller& controller, net::Handler rest) {
  return [&controller, rest = std::move(rest)](net::ServerRequest request) {
    if (!request.path.starts_with(kPrefix)) return rest(std::move(request));
    return Answer(controller, std::move(request));
  };
}

}  // namespace spillway::cmd
