#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/agent/latch.h"
#include "cloud/agent/service_variables.h"
#include "kube/api/objects.h"
#include "kube/client.h"
#include "kube/reflector.h"

namespace spillway::cloud {

// The cluster's Services, watched from the first Pod on that needs them, as at every kubelet. Loop thread only.
class ServiceWatch {
 public:
  // Both outlive it.
  ServiceWatch(Runtime& runtime, kube::Transport& transport, kube::Client& reads);

  // Those of namespace `ns` that have an address, and the one of the API server. Waits until they are known;
  // kPermissionDenied: the agent may not list them.
  Task<Result<std::vector<ServiceInfo>>> Of(std::string ns);

 private:
  // Whether they may be listed at all: a watch would try for ever without telling.
  Task<Status> Begin();
  void OnServices(kube::DeltaBatch<kube::RawObject> batch);

  Runtime& runtime_;
  kube::Client& reads_;
  std::optional<Error> refused_;
  Instant refused_at_{};
  bool is_started_ = false;
  Latch synced_;
  std::map<std::string, ServiceInfo> services_;  // by UID
  kube::Reflector<kube::RawObject> watch_;
};

}  // namespace spillway::cloud
