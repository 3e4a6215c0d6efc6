#include "cloud/agent/service_watch.h"

#include <utility>

namespace spillway::cloud {
namespace {

constexpr char kServicesPath[] = "/api/v1/services";
constexpr Duration kRefusalKept = 1min;

kube::ReflectorOptions AllServices() {
  kube::ReflectorOptions options;
  options.path = kServicesPath;
  options.resource = "services";
  return options;
}

}  // namespace

ServiceWatch::ServiceWatch(Runtime& runtime, kube::Transport& transport, kube::Client& reads)
    : runtime_(runtime),
      reads_(reads),
      synced_(runtime),
      watch_(runtime, transport, AllServices(), [this](auto batch) { OnServices(std::move(batch)); }) {}

Task<Status> ServiceWatch::Begin() {
  if (is_started_) co_return Status();
  if (refused_ && runtime_.Now() < refused_at_ + kRefusalKept) co_return Fail(*refused_);
  Result<Json> one = co_await reads_.Get(std::string(kServicesPath) + "?limit=1");
  if (!one) {
    if (one.error().code == Code::kPermissionDenied) {
      refused_ = one.error();
      refused_at_ = runtime_.Now();
    }
    co_return Fail(std::move(one).error());
  }
  if (!std::exchange(is_started_, true)) watch_.Start();
  co_return Status();
}

Task<Result<std::vector<ServiceInfo>>> ServiceWatch::Of(std::string ns) {
  if (auto begun = co_await Begin(); !begun) co_return Fail(std::move(begun).error());
  co_await synced_.Wait();
  std::vector<ServiceInfo> found;
  for (const auto& [uid, service] : services_) {
    if (service.has_address() && (service.ns == ns || IsMasterService(service))) found.push_back(service);
  }
  co_return found;
}

void ServiceWatch::OnServices(kube::DeltaBatch<kube::RawObject> batch) {
  for (const auto& delta : batch.deltas) {
    if (delta.unreadable) continue;
    if (!delta.object) {
      services_.erase(delta.uid);
      continue;
    }
    const Json service = Json::parse(delta.object->json, nullptr, /*allow_exceptions=*/false);
    if (service.is_object()) services_[delta.uid] = ReadService(service);
  }
  if (batch.synced) synced_.Open();
}

}  // namespace spillway::cloud
