#include "cloud/agent/input_reader.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::cloud {

InputReader::InputReader(Runtime& runtime, kube::Transport& transport, kube::Client& reads)
    : runtime_(runtime), reads_(reads), services_(runtime, transport, reads), flows_(runtime) {}

Task<Result<InputReader::Object>> InputReader::Get(std::string path) {
  OneShot<Result<Object>> answer(runtime_);
  const auto found = under_way_.find(path);
  if (found == under_way_.end()) {
    auto reading = std::make_shared<Reading>(Reading{runtime_.Now(), {answer}});
    under_way_[path] = reading;
    flows_.Spawn(Read(path, std::move(reading)));
  } else if (found->second->begun == runtime_.Now()) {
    found->second->waiting.push_back(answer);
  } else {  // what is being read may be from before the caller knew of it
    std::shared_ptr<Reading>& next = next_[path];
    if (!next) next = std::make_shared<Reading>();
    next->waiting.push_back(answer);
  }
  co_return co_await answer.Wait();
}

Task<void> InputReader::Read(std::string path, std::shared_ptr<Reading> reading) {
  for (;;) {
    Result<Json> read = co_await reads_.Get(path);
    Result<Object> object = read ? Result<Object>(std::make_shared<const Json>(*std::move(read)))
                                 : Result<Object>(Fail(std::move(read).error()));
    for (const auto& waiter : reading->waiting) waiter.Set(object);
    const auto next = next_.extract(path);
    if (next.empty()) break;
    reading = next.mapped();
    reading->begun = runtime_.Now();
    under_way_[path] = reading;
  }
  under_way_.erase(path);
}

Task<Result<ServiceAccountToken>> InputReader::RequestToken(const Json& pod, TokenKey key) {
  std::string account = TextAt(pod, "spec", "serviceAccountName");
  if (account.empty()) account = "default";
  Json request = {{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenRequest"}};
  request["spec"]["audiences"] = key.audience.empty() ? Json::array() : Json::array({key.audience});
  request["spec"]["expirationSeconds"] = key.expiration_seconds;
  request["spec"]["boundObjectRef"] = {{"apiVersion", "v1"},
                                       {"kind", "Pod"},
                                       {"name", TextAt(pod, "metadata", "name")},
                                       {"uid", TextAt(pod, "metadata", "uid")}};
  std::string path = fmt::format("/api/v1/namespaces/{}/serviceaccounts/{}/token",
                                 kube::UrlEncode(TextAt(pod, "metadata", "namespace")), kube::UrlEncode(account));
  const WallTime asked = runtime_.WallNow();
  Result<Json> made = co_await reads_.Create(std::move(path), std::move(request));
  if (!made) co_return Fail(std::move(made).error());
  const auto expires = base::ParseRfc3339(TextAt(*made, "status", "expirationTimestamp"));
  ServiceAccountToken token{TextAt(*made, "status", "token"), asked,
                            expires.value_or(asked + std::chrono::seconds(key.expiration_seconds))};
  if (token.token.empty()) co_return Fail(Code::kMalformed, "the API server's TokenRequest holds no token");
  co_return token;
}

}  // namespace spillway::cloud
