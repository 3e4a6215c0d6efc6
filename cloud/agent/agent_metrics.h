#pragma once

#include <string>

#include "cloud/agent/agent.h"
#include "cloud/agent/observer.h"
#include "kube/client.h"
#include "metrics/registry.h"

namespace spillway::cloud {

// What an agent and its requests do, as metrics. Loop thread only.
class AgentMetrics final : public AgentObserver, public kube::ClientObserver {
 public:
  // `host`: the API server's, for rest_client_requests_total.
  AgentMetrics(metrics::Registry& registry, std::string host);

  // Gauges are read from `agent` at each scrape, as long as the hook is held.
  [[nodiscard]] metrics::ScrapeHook Watch(const Agent& agent);

  void OnOperation(std::string_view operation, std::optional<Refusal> refusal, Duration took) override;
  void OnInstanceLost() override;
  void OnSuspiciousListing() override;
  void OnOrphanDeleted() override;
  void OnLeaseRenewed(Duration late) override;
  void OnRequest(std::string_view verb, int status, Duration took) override;
  void OnRateLimited(Duration waited) override;

 private:
  metrics::Registry& registry_;
  std::string host_;
};

}  // namespace spillway::cloud
