#pragma once

#include <string>
#include <string_view>

#include "kube/client.h"
#include "metrics/registry.h"

namespace spillway::controller {

// rest_client_* from what Clients observe.
class RequestMetrics final : public kube::ClientObserver {
 public:
  RequestMetrics(metrics::Registry& metrics, std::string host) : metrics_(metrics), host_(std::move(host)) {}

  void OnRequest(std::string_view verb, int status, Duration) override {
    const std::string code = status == 0 ? "<error>" : std::to_string(status);
    metrics_.Add(metrics::Id::kRestClientRequests, {code, std::string(verb), host_});
  }
  void OnRateLimited(Duration waited) override {
    metrics_.Observe(metrics::Id::kRestClientRateLimiterDuration, {}, std::chrono::duration<double>(waited).count());
  }

 private:
  metrics::Registry& metrics_;
  std::string host_;
};

}  // namespace spillway::controller
