#pragma once

#include "base/runtime.h"
#include "cloud/provider.h"

namespace spillway::cloud {

// A provider whose calls come back, whatever the one behind it does: what takes too long is given up, with
// kDeadlineExceeded, and may have been carried out. Streams are as they are behind it: their clients give up.
class PunctualProvider final : public Provider {
 public:
  // Both outlive it.
  PunctualProvider(Runtime& runtime, Provider& inner) : runtime_(runtime), inner_(inner) {}

  std::string_view name() const override { return inner_.name(); }
  ProviderCapabilities capabilities() const override { return inner_.capabilities(); }
  bool pulls_images() const override { return inner_.pulls_images(); }
  bool fills_in_pod_ip() const override { return inner_.fills_in_pod_ip(); }
  bool empty_listing_is_proof() const override { return inner_.empty_listing_is_proof(); }
  bool updates_volumes() const override { return inner_.updates_volumes(); }
  InstanceStreams* streams() override { return inner_.streams(); }
  Bill BillFor(const nlohmann::json& pod) const override { return inner_.BillFor(pod); }
  Market market() const override { return inner_.market(); }
  bool has_market() const override { return inner_.has_market(); }

  Task<CloudResult<Instance>> Create(CreateRequest request) override;
  Task<CloudResult<Changes>> Poll(InstanceScope scope, std::string cursor) override;
  Task<CloudResult<std::vector<Instance>>> List(std::string cluster_id) override;
  Task<CloudResult<std::vector<Instance>>> Describe(std::vector<std::string> instance_ids) override;
  Task<CloudStatus> Delete(std::string instance_id, Duration grace) override;
  Task<CloudStatus> UpdateVolumes(std::string instance_id, std::vector<PodVolume> volumes) override;
  Task<CloudStatus> Ping() override;
  Task<CloudStatus> RefreshMarket() override;

 private:
  template <class T>
  Task<CloudResult<T>> Within(Duration limit, const char* name, Task<CloudResult<T>> call);

  Runtime& runtime_;
  Provider& inner_;
};

}  // namespace spillway::cloud
