#include "kube/bind.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "kube/paths.h"

namespace spillway::kube {

using nlohmann::json;

Task<Status> Bind(Client& client, BindRequest request) {
  if (request.uid.empty() || request.resource_version.empty()) {
    co_return Fail(Code::kInvalidArgument,
                   fmt::format("bind of Pod {}/{} without uid and resourceVersion", request.ns, request.name));
  }
  json metadata;
  metadata["name"] = request.name;
  metadata["namespace"] = request.ns;
  metadata["uid"] = request.uid;
  metadata["resourceVersion"] = request.resource_version;
  for (const auto& [key, value] : request.annotations) metadata["annotations"][key] = value;
  json body;
  body["apiVersion"] = "v1";
  body["kind"] = "Binding";
  body["metadata"] = std::move(metadata);
  body["target"]["apiVersion"] = "v1";
  body["target"]["kind"] = "Node";
  body["target"]["name"] = request.node;
  std::string path = PodPath(request.ns, request.name, "binding");
  Result<json> bound = co_await client.Create(std::move(path), std::move(body));
  if (bound) co_return Status();
  co_return Fail(std::move(bound.error()));
}

}  // namespace spillway::kube
