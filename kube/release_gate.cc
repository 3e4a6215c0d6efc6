#include "kube/release_gate.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "kube/paths.h"

namespace spillway::kube {
namespace {

using nlohmann::json;

// One step of a JSON pointer.
std::string Escaped(std::string_view key) {
  std::string step;
  for (const char c : key) step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return step;
}

json Operation(const char* op, std::string path, json value) {
  return {{"op", op}, {"path", std::move(path)}, {"value", std::move(value)}};
}

void AddTo(json& operations, const std::string& map, const StringMap& entries) {
  for (const auto& [key, value] : entries) operations.push_back(Operation("add", map + "/" + Escaped(key), value));
}

json OperationsOf(const GateReleaseRequest& request) {
  json operations = json::array();
  operations.push_back(Operation("replace", "/metadata/resourceVersion", request.resource_version));
  const std::string gates = "/spec/schedulingGates";
  operations.push_back(
      {{"op", "remove"}, {"path", request.gates == 1 ? gates : fmt::format("{}/{}", gates, request.gate)}});
  if (!request.node_selector.empty() && !request.has_node_selector) {
    operations.push_back(Operation("add", "/spec/nodeSelector", json::object()));
  }
  AddTo(operations, "/spec/nodeSelector", request.node_selector);
  if (!request.tolerated_taints.empty() && !request.has_tolerations) {
    operations.push_back(Operation("add", "/spec/tolerations", json::array()));
  }
  for (const std::string& taint : request.tolerated_taints) {
    operations.push_back(
        Operation("add", "/spec/tolerations/-", {{"key", taint}, {"operator", "Exists"}, {"effect", "NoSchedule"}}));
  }
  AddTo(operations, "/metadata/annotations", request.annotations);
  return operations;
}

}  // namespace

Task<Status> ReleaseGate(Client& client, GateReleaseRequest request) {
  std::string path = PodPath(request.ns, request.name);
  Result<json> patched = co_await client.JsonPatch(std::move(path), OperationsOf(request));
  if (patched) co_return Status();
  co_return Fail(std::move(patched.error()));
}

}  // namespace spillway::kube
