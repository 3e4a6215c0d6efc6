#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/scope.h"
#include "base/sim_runtime.h"
#include "sandbox/rest/api_server.h"

namespace spillway::sandbox {

inline constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

// Collects the lines of a watch as JSON.
class LineSink final : public kube::BodySink {
 public:
  void OnData(std::string_view bytes) override {
    buffer_.append(bytes);
    for (std::size_t end; (end = buffer_.find('\n')) != std::string::npos; buffer_.erase(0, end + 1)) {
      events.push_back(Json::parse(buffer_.substr(0, end)));
    }
  }
  void OnEnd() override { ended = true; }
  std::vector<Json> events;
  bool ended = false;

 private:
  std::string buffer_;
};

// An API server on virtual time and one client of it.
struct ApiFixture {
  explicit ApiFixture(ApiServerOptions options = {}) : api(runtime, options), transport(api.NewTransport("tester")) {}

  using Answer = std::optional<Result<kube::Response>>;
  std::shared_ptr<Answer> Start(kube::Request request) {
    auto answer = std::make_shared<Answer>();
    scope.Spawn(SendInto(*transport, std::move(request), answer));
    return answer;
  }
  Result<kube::Response> Send(kube::Request request) {
    const auto answer = Start(std::move(request));
    EXPECT_TRUE(runtime.RunUntil([&] { return answer->has_value(); }, std::chrono::minutes(5)));
    return **answer;
  }
  kube::Response Call(kube::Method method, std::string path, const Json& body = nullptr, std::string type = "",
                      std::string accept = "") {
    kube::Request request;
    request.method = method;
    request.path = std::move(path);
    if (!body.is_null()) request.body = body.dump();
    request.content_type = std::move(type);
    request.accept = std::move(accept);
    auto answer = Send(std::move(request));
    EXPECT_TRUE(answer.has_value()) << answer.error().message;
    return answer ? *answer : kube::Response{};
  }
  Json Get(std::string path, std::string accept = "") {
    return Json::parse(Call(kube::Method::kGet, std::move(path), nullptr, "", std::move(accept)).body);
  }
  // Opens a watch; the events come into the sink as time passes.
  std::shared_ptr<LineSink> Watch(std::string path, std::string accept = "") {
    auto sink = std::make_shared<LineSink>();
    kube::Request request;
    request.path = std::move(path);
    request.accept = std::move(accept);
    request.sink = sink;
    request.timeout = std::chrono::hours(1);
    last_watch = Start(std::move(request));
    Settle();
    return sink;
  }
  void Settle() { runtime.RunFor(std::chrono::milliseconds(1)); }

  Store& store() { return api.store(); }

  SimRuntime runtime{1};
  ApiServer api;
  std::unique_ptr<kube::Transport> transport;
  std::shared_ptr<Answer> last_watch;
  base::TaskScope scope{runtime};

 private:
  static Task<void> SendInto(kube::Transport& transport, kube::Request request, std::shared_ptr<Answer> answer) {
    Result<kube::Response> response = co_await transport.Send(std::move(request));
    *answer = std::move(response);
  }
};

inline Json PodNamed(const std::string& name, Json labels = Json::object()) {
  return {{"metadata", {{"name", name}, {"namespace", "default"}, {"labels", std::move(labels)}}},
          {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "nginx:1"}}})}}}};
}

inline Json ConfigMapNamed(const std::string& name, const std::string& value = "") {
  return {{"metadata", {{"name", name}, {"namespace", "default"}}}, {"data", {{"value", value}}}};
}

}  // namespace spillway::sandbox
