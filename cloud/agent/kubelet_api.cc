#include "cloud/agent/kubelet_api.h"

#include <fmt/core.h>

#include <charconv>
#include <utility>

#include "cloud/json.h"

namespace spillway::cloud {
namespace {

constexpr Duration kFollowInterval = 1s;

net::ServerResponse Plain(int status, std::string text) {
  net::ServerResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

net::ServerResponse PodList(std::vector<Json> pods) {
  const Json list = {
      {"kind", "PodList"}, {"apiVersion", "v1"}, {"metadata", Json::object()}, {"items", std::move(pods)}};
  net::ServerResponse response;
  response.body = list.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

int StatusOf(const Error& error) {
  if (error.code == Code::kNotFound) return 404;
  return error.code == Code::kInvalidArgument ? 400 : 500;
}

// "/containerLogs/a/b/c" -> a, b, c.
std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash);
  }
  return segments;
}

struct LogQuery {
  LogOptions options;
  bool follow = false;
};

Result<LogQuery> ParseLogQuery(const std::string& container, std::string_view query) {
  LogQuery parsed;
  parsed.options.container = container;
  for (const auto& [key, value] : net::ParseQuery(query)) {
    const auto number = [&](std::int64_t least) -> Result<std::int64_t> {
      std::int64_t n = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
      if (error == std::errc() && end == value.data() + value.size() && n >= least) return n;
      return Fail(Code::kInvalidArgument,
                  fmt::format("{}={} must be a whole number of at least {}", key, value, least));
    };
    const bool is_true = value == "true" || value == "1";
    Result<std::int64_t> count = 0;
    if (key == "tailLines" && (count = number(0))) parsed.options.tail_lines = *count;
    if (key == "limitBytes" && (count = number(1))) parsed.options.limit_bytes = *count;
    if (key == "sinceSeconds" && (count = number(1))) parsed.options.since_seconds = *count;
    if (!count) return Fail(std::move(count).error());
    if (key == "timestamps") parsed.options.timestamps = is_true;
    if (key == "previous") parsed.options.previous = is_true;
    if (key == "follow") parsed.follow = is_true;
  }
  return parsed;
}

// What of a log has not been sent yet: the log only grows at its end, except that its front may be cut off.
class LogFollower {
 public:
  explicit LogFollower(const std::string& sent) : sent_(sent.size()) {}
  std::string_view New(const std::string& whole) {
    if (whole.size() < sent_) sent_ = 0;  // begun anew
    const std::string_view fresh = std::string_view(whole).substr(sent_);
    sent_ = whole.size();
    return fresh;
  }

 private:
  std::size_t sent_;
};

Task<void> Follow(Runtime& runtime, Agent& agent, std::string ns, std::string pod, LogOptions options,
                  LogFollower follower, std::shared_ptr<net::ResponseStream> stream) {
  while (stream->is_open()) {
    co_await runtime.SleepFor(kFollowInterval);
    const bool is_over = agent.HasEnded(ns, pod, options.container);
    Result<std::string> whole = co_await agent.Logs(ns, pod, options);
    if (!whole) co_return;
    const std::string_view fresh = follower.New(*whole);
    if (!fresh.empty() && !stream->Write(fresh)) co_return;
    if (is_over) co_return;
  }
}

Task<net::ServerResponse> ContainerLogs(Runtime& runtime, Agent& agent, net::ServerRequest request) {
  const std::vector<std::string> parts = Segments(request.path);
  if (parts.size() != 4) co_return Plain(404, "want /containerLogs/{namespace}/{pod}/{container}\n");
  Result<LogQuery> query = ParseLogQuery(parts[3], request.query);
  if (!query) co_return Plain(400, query.error().message + "\n");
  Result<std::string> text = co_await agent.Logs(parts[1], parts[2], query->options);
  if (!text) co_return Plain(StatusOf(text.error()), text.error().message + "\n");
  net::ServerResponse response = Plain(200, *std::move(text));
  if (!query->follow) co_return response;

  // Later looks take the whole log, so that "new" can be told; the first has sent its tail already.
  LogOptions whole = query->options;
  whole.tail_lines.reset();
  whole.limit_bytes.reset();
  whole.since_seconds.reset();
  Result<std::string> so_far = co_await agent.Logs(parts[1], parts[2], whole);
  LogFollower follower(so_far ? *so_far : std::string());
  response.stream = [&runtime, &agent, ns = parts[1], pod = parts[2], whole,
                     follower](std::shared_ptr<net::ResponseStream> stream) {
    return Follow(runtime, agent, ns, pod, whole, follower, std::move(stream));
  };
  co_return response;
}

Task<net::ServerResponse> Answer(Runtime& runtime, Agent& agent, net::ServerRequest request) {
  if (request.method != "GET")
    co_return Plain(501, "a virtual node of Spillway does not serve " + request.method + "\n");
  const std::string& path = request.path;
  if (path == "/healthz") co_return Plain(200, "ok");
  if (path == "/pods" || path == "/pods/") co_return PodList(agent.Pods());
  if (path == "/runningpods" || path == "/runningpods/") co_return PodList(agent.RunningPods());
  if (path.starts_with("/containerLogs/")) co_return co_await ContainerLogs(runtime, agent, std::move(request));
  for (const char* known : {"/exec/", "/attach/", "/portForward/", "/stats/", "/metrics"}) {
    if (path.starts_with(known)) co_return Plain(501, fmt::format("{} is not served by this virtual node\n", path));
  }
  co_return Plain(404, "404 page not found\n");
}

}  // namespace

net::Handler KubeletApiHandler(Runtime& runtime, Agent& agent) {
  return [&runtime, &agent](net::ServerRequest request) { return Answer(runtime, agent, std::move(request)); };
}

}  // namespace spillway::cloud
