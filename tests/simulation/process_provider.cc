#include "tests/simulation/process_provider.h"

#include <utility>

namespace spillway::simulation {
namespace {

// The answer, once the process runs.
template <typename T>
Task<T> Deliver(Runtime& process, Task<T> call) {
  T answer = co_await call;
  co_await process.SleepFor(Duration(0));
  co_return answer;
}

}  // namespace

cloud::ProviderCapabilities ProcessProvider::capabilities() const {
  cloud::ProviderCapabilities capabilities = inner_->capabilities();
  std::vector<std::string> names = capabilities.features.names();
  names.emplace_back("persistentVolumeClaim");
  capabilities.features = kube::Capabilities(std::move(names));
  return capabilities;
}

Task<cloud::CloudResult<cloud::Instance>> ProcessProvider::Create(cloud::CreateRequest request) {
  if (desk_.on_create) desk_.on_create(request);
  return Deliver(process_, inner_->Create(std::move(request)));
}
Task<cloud::CloudResult<cloud::Changes>> ProcessProvider::Poll(cloud::InstanceScope scope, std::string cursor) {
  const std::string since = cursor;
  auto changes = co_await Deliver(process_, inner_->Poll(std::move(scope), std::move(cursor)));
  if (!changes || !desk_.forgets) co_return changes;
  changes->instances.clear();
  changes->cursor = since;
  co_return changes;
}
Task<cloud::CloudResult<std::vector<cloud::Instance>>> ProcessProvider::List(std::string cluster_id) {
  auto listed = co_await Deliver(process_, inner_->List(std::move(cluster_id)));
  if (!listed) co_return listed;
  std::erase_if(*listed, [this](const cloud::Instance& instance) {
    const bool lives =
        instance.state == cloud::InstanceState::kPending || instance.state == cloud::InstanceState::kRunning;
    return desk_.forgets || (lives && desk_.unlisted.contains(instance.id));
  });
  co_return listed;
}
Task<cloud::CloudResult<std::vector<cloud::Instance>>> ProcessProvider::Describe(std::vector<std::string> ids) {
  return Deliver(process_, inner_->Describe(std::move(ids)));
}
Task<cloud::CloudStatus> ProcessProvider::Delete(std::string instance_id, Duration grace) {
  if (desk_.on_delete) desk_.on_delete(instance_id);
  return Deliver(process_, inner_->Delete(std::move(instance_id), grace));
}
Task<cloud::CloudStatus> ProcessProvider::Ping() { return Deliver(process_, inner_->Ping()); }

}  // namespace spillway::simulation
