#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/provider.h"

namespace spillway::cloud::testing {

// A provider that may hide instances from whoever asks, as a cloud does that has lost sight of them, or show them
// otherwise than they are.
class VeiledProvider final : public Provider {
 public:
  explicit VeiledProvider(std::unique_ptr<Provider> inner) : inner_(std::move(inner)) {}

  // Instances for which this is true are not shown. May be null.
  std::function<bool(const Instance&)> hides;
  // Changes what is shown. May be null.
  std::function<void(Instance&)> alters;

  std::string_view name() const override { return inner_->name(); }
  ProviderCapabilities capabilities() const override { return inner_->capabilities(); }
  InstanceStreams* streams() override { return inner_->streams(); }
  Bill BillFor(const nlohmann::json& pod) const override { return inner_->BillFor(pod); }
  // What is known of the market once it was asked for; null: nothing, and nobody asks.
  std::function<Market()> sells;
  Market market() const override { return has_asked_ && sells ? sells() : Market(); }
  bool has_market() const override { return sells != nullptr; }
  Task<CloudStatus> RefreshMarket() override {
    has_asked_ = true;
    co_return CloudStatus();
  }
  // What a create is refused with; none: it goes on. May be null.
  std::function<std::optional<CloudError>()> refuses_create;
  // Sees what is asked for. May be null.
  std::function<void(const CreateRequest&)> on_create;
  Task<CloudResult<Instance>> Create(CreateRequest request) override {
    if (on_create) on_create(request);
    if (refuses_create) {
      if (auto refusal = refuses_create()) co_return tl::unexpected(*std::move(refusal));
    }
    auto made = co_await inner_->Create(std::move(request));
    if (made && alters) alters(*made);
    co_return made;
  }
  Task<CloudResult<Changes>> Poll(InstanceScope scope, std::string cursor) override {
    auto changes = co_await inner_->Poll(std::move(scope), std::move(cursor));
    if (changes) Veil(changes->instances);
    co_return changes;
  }
  Task<CloudResult<std::vector<Instance>>> List(std::string cluster_id) override {
    return Veiled(inner_->List(std::move(cluster_id)));
  }
  Task<CloudResult<std::vector<Instance>>> Describe(std::vector<std::string> ids) override {
    return Veiled(inner_->Describe(std::move(ids)));
  }
  Task<CloudStatus> Delete(std::string instance_id, Duration grace) override {
    return inner_->Delete(std::move(instance_id), grace);
  }
  // Takes changed files, of instances by id. Null: the provider behind it decides.
  std::function<void(const std::string&, const std::vector<PodVolume>&)> on_update;
  bool updates_volumes() const override { return on_update || inner_->updates_volumes(); }
  Task<CloudStatus> UpdateVolumes(std::string id, std::vector<PodVolume> volumes) override {
    if (!on_update) return inner_->UpdateVolumes(std::move(id), std::move(volumes));
    on_update(id, volumes);
    return Done();
  }
  // What a ping is refused with; none: it goes on. May be null.
  std::function<std::optional<CloudError>()> refuses_ping;
  Task<CloudStatus> Ping() override {
    auto refusal = refuses_ping ? refuses_ping() : std::nullopt;
    return refusal ? Done(tl::unexpected(*std::move(refusal))) : inner_->Ping();
  }

 private:
  void Veil(std::vector<Instance>& instances) {
    if (hides) std::erase_if(instances, hides);
    if (alters) std::for_each(instances.begin(), instances.end(), alters);
  }
  Task<CloudResult<std::vector<Instance>>> Veiled(Task<CloudResult<std::vector<Instance>>> call) {
    auto shown = co_await call;
    if (shown) Veil(*shown);
    co_return shown;
  }

  static Task<CloudStatus> Done(CloudStatus status = {}) { co_return status; }

  std::unique_ptr<Provider> inner_;
  bool has_asked_ = false;
};

}  // namespace spillway::cloud::testing
