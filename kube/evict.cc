#include "kube/evict.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "kube/paths.h"

namespace spillway::kube {

using nlohmann::json;

Task<Status> Evict(Client& client, EvictRequest request) {
  if (request.uid.empty() || request.resource_version.empty()) {
    co_return Fail(Code::kInvalidArgument,
                   fmt::format("eviction of Pod {}/{} without uid and resourceVersion", request.ns, request.name));
  }
  json body = {{"apiVersion", "policy/v1"}, {"kind", "Eviction"}};
  body["metadata"] = {{"name", request.name}, {"namespace", request.ns}};
  body["deleteOptions"]["preconditions"] = {{"uid", request.uid}, {"resourceVersion", request.resource_version}};
  std::string path = PodPath(request.ns, request.name, "eviction");
  Result<json> evicted = co_await client.Create(std::move(path), std::move(body));
  if (evicted) co_return Status();
  co_return Fail(std::move(evicted.error()));
}

}  // namespace spillway::kube
