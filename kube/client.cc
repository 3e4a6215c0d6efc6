#include "kube/client.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace spillway::kube {

using nlohmann::json;

RateLimiter::RateLimiter(Runtime& runtime, double qps, int burst)
    : runtime_(runtime),
      interval_(qps > 0 ? Duration(static_cast<Duration::rep>(1e9 / qps)) : Duration(0)),
      burst_(std::max(burst, 1)),
      next_(runtime.Now() - interval_ * (burst_ - 1)) {}

Instant RateLimiter::Reserve() {
  const Instant now = runtime_.Now();
  const Instant place = std::max(next_, now - interval_ * (burst_ - 1));
  next_ = place + interval_;
  return std::max(place, now);
}

// Each caller takes the next place at once, so that places are given in the order asked.
Task<void> RateLimiter::Acquire() {
  const Instant place = Reserve();
  if (place > runtime_.Now()) co_await runtime_.SleepUntil(place);
}

Client::Client(Runtime& runtime, Transport& transport, RateLimiter& limiter, ClientObserver* observer)
    : runtime_(runtime), transport_(transport), limiter_(limiter), observer_(observer) {}

Task<Result<Response>> Client::Send(Request request) {
  const Instant asked = runtime_.Now();
  co_await limiter_.Acquire();
  const Instant sent = runtime_.Now();
  if (observer_ && sent > asked) observer_->OnRateLimited(sent - asked);
  const std::string_view verb = ToString(request.method);
  Result<Response> response = co_await transport_.Send(std::move(request));
  transport_.NoteAnswer(response, sent, runtime_.Now());
  if (observer_) observer_->OnRequest(verb, response ? response->status : 0, runtime_.Now() - sent);
  co_return response;
}

Task<Result<json>> Client::Exchange(Request request) {
  const std::string what =
      fmt::format("{} {}", ToString(request.method), request.path.substr(0, request.path.find('?')));
  Result<Response> response = co_await Send(std::move(request));
  if (!response) co_return Fail(std::move(response.error()).Annotated(what));
  if (response->status < 200 || response->status > 299) co_return Fail(ToError(*response));
  json body = json::parse(response->body, nullptr, false);
  if (body.is_discarded()) co_return Fail(Code::kMalformed, fmt::format("{}: the answer is not JSON", what));
  co_return std::move(body);
}

namespace {

// Bytes that are not UTF-8 are replaced: dump() would throw.
std::string Dump(const json& body) { return body.dump(-1, ' ', false, json::error_handler_t::replace); }

Request Writing(Method method, std::string path, const json& body, std::string content_type = "application/json") {
  Request request;
  request.method = method;
  request.path = std::move(path);
  request.body = Dump(body);
  request.content_type = std::move(content_type);
  return request;
}

}  // namespace

Task<Result<json>> Client::Get(std::string path) {
  Request request;
  request.path = std::move(path);
  return Exchange(std::move(request));
}

Task<Result<json>> Client::Create(std::string path, json body) {
  return Exchange(Writing(Method::kPost, std::move(path), body));
}

Task<Result<json>> Client::Update(std::string path, json body) {
  return Exchange(Writing(Method::kPut, std::move(path), body));
}

Task<Result<json>> Client::MergePatch(std::string path, json patch) {
  return Exchange(Writing(Method::kPatch, std::move(path), patch, "application/merge-patch+json"));
}

Task<Result<json>> Client::StrategicPatch(std::string path, json patch) {
  return Exchange(Writing(Method::kPatch, std::move(path), patch, "application/strategic-merge-patch+json"));
}

Task<Result<json>> Client::JsonPatch(std::string path, json operations) {
  return Exchange(Writing(Method::kPatch, std::move(path), operations, "application/json-patch+json"));
}

Task<Result<json>> Client::Delete(std::string path, json options) {
  return Exchange(Writing(Method::kDelete, std::move(path), options));
}

}  // namespace spillway::kube
