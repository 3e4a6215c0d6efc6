#include "cmd/agent/cluster_id.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "kube/json.h"
#include "kube/paths.h"

DEFINE_string(
    cluster_id, "",
    "Which cluster instances belong to. Empty: the UID of namespace kube-system, which takes the permission to "
    "get it.");

namespace spillway::cmd {

Task<Result<std::string>> ReadClusterId(kube::Client& client) {
  if (!FLAGS_cluster_id.empty()) co_return FLAGS_cluster_id;
  std::string path = std::string(kube::kNamespacesPath) + "/kube-system";
  auto found = co_await client.Get(std::move(path));
  if (found) co_return kube::TextAt(*found, "metadata", "uid");
  Error error = std::move(found).error();
  if (!base::IsTransient(error)) {
    error.message = fmt::format(
        "cannot get namespace kube-system, whose UID names the cluster: {}; grant get on it or set --cluster-id",
        error.message);
  }
  co_return Fail(std::move(error));
}

}  // namespace spillway::cmd
