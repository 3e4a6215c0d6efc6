#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/pod_volumes.h"
#include "cloud/agent/service_watch.h"
#include "cloud/json.h"
#include "kube/client.h"

namespace spillway::cloud {

// Reads from the API server what Pods refer to. Nothing is kept: what it gives is as it was when it was asked for, or
// later. Pods that ask for the same object while it is being read share one more read. Loop thread only.
class InputReader {
 public:
  using Object = std::shared_ptr<const Json>;

  // All outlive it.
  InputReader(Runtime& runtime, kube::Transport& transport, kube::Client& reads);

  Task<Result<Object>> Get(std::string path);
  // A token of the Pod's ServiceAccount, good as long as the Pod lives.
  Task<Result<ServiceAccountToken>> RequestToken(const Json& pod, TokenKey key);
  ServiceWatch& services() { return services_; }

 private:
  struct Reading {
    Instant begun;
    std::vector<OneShot<Result<Object>>> waiting;
  };
  Task<void> Read(std::string path, std::shared_ptr<Reading> reading);

  Runtime& runtime_;
  kube::Client& reads_;
  std::map<std::string, std::shared_ptr<Reading>> under_way_, next_;  // by path
  ServiceWatch services_;
  TaskScope flows_;
};

}  // namespace spillway::cloud
