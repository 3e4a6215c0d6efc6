#include "scheduler_sim/virtual_offer.h"

#include <algorithm>

namespace spillway::sim {
namespace {

constexpr std::string_view kClaims = "persistentVolumeClaim";

std::string Lacks(const Cluster::Model&, const PodClass& pod_class, const VirtualOffer& offer) {
  const std::string lacking = offer.capabilities.Lacking(pod_class.needs);
  if (lacking.empty()) return {};
  return "cannot run " + lacking + (offer.foreign ? ", as far as --foreign-node-capabilities says" : "");
}

// By driver or kind of the volume, or by StorageClass.
std::string CannotMount(const Cluster::Model& model, const PodClass& pod_class, const VirtualOffer& offer) {
  const VolumeUse* volumes = model.volumes_of(pod_class);
  if (volumes == nullptr) return {};
  for (const VolumeUse::Claim& use : volumes->claims) {
    const ClaimRecord& claim = model.storage.claim(use.claim);
    if (!claim.bound()) continue;
    const std::string& driver = model.storage.volume(claim.volume).driver;
    const std::string_view storage_class =
        claim.storage_class.valid() ? model.storage.NameOf(claim.storage_class) : std::string_view();
    const auto can_mount = [&](std::string_view name) {
      return offer.capabilities.Can(std::string(kClaims).append("/").append(name));
    };
    if (can_mount(driver) || (!storage_class.empty() && can_mount(storage_class))) continue;
    return "cannot mount claim " + std::string(model.storage.NameOf(use.claim)) + " (volume of " +
           (driver.empty() ? "unknown kind" : driver) +
           (storage_class.empty() ? ")" : ", class " + std::string(storage_class) + ")");
  }
  return {};
}

std::string IsTooLarge(const Cluster::Model& model, const PodClass& pod_class, const VirtualOffer& offer) {
  if (!offer.unreadable.empty()) {
    return "annotation " + std::string(kube::kLargestInstancesAnnotation) + " cannot be read: " + offer.unreadable;
  }
  if (offer.largest.empty()) return {};
  const Footprint& footprint = model.footprint(pod_class.footprint);
  kube::ResourceList requests = {{"cpu", kube::Quantity::FromMilli(footprint.milli_cpu)},
                                 {"ephemeral-storage", kube::Quantity::FromUnits(footprint.ephemeral_storage)},
                                 {"memory", kube::Quantity::FromUnits(footprint.memory)}};
  for (const auto& [resource, amount] : footprint.scalars) {
    requests.emplace_back(model.resource_name(resource), kube::Quantity::FromUnits(amount));
  }
  if (std::any_of(offer.largest.begin(), offer.largest.end(), [&](const auto& each) { return each.Fits(requests); })) {
    return {};
  }
  return "has no instance that large (at most " + kube::ToText(offer.largest) + ")";
}

}  // namespace

std::string WhyItCannotRun(const Cluster::Model& model, const PodClass& pod_class, const VirtualOffer& offer) {
  for (const auto check : {Lacks, CannotMount, IsTooLarge}) {
    if (std::string why = check(model, pod_class, offer); !why.empty()) return why;
  }
  return {};
}

}  // namespace spillway::sim
