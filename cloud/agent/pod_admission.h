#pragma once

#include <map>
#include <string>
#include <vector>

#include "cloud/capabilities.h"
#include "cloud/json.h"
#include "cloud/pod_resources.h"
#include "kube/api/decode.h"

namespace spillway::cloud {

// What the node does with a Pod that has been bound to it.
struct Admission {
  enum class Verdict : std::uint8_t {
    kAccept,
    kHold,    // never an instance, stays Pending: a Failed one would be created again by its DaemonSet, for ever
    kRefuse,  // no instance: the Pod stays Pending for a while, and is rejected then
    kReject,  // the Pod fails, as with kubelet, so that its controller makes another
  };
  Verdict verdict = Verdict::kAccept;
  std::string reason, message;  // "DaemonSetForbidden", "UnsupportedFeature", "InstanceTooLarge", "OutOfcpu"
};

// Keeps the node's budget. What has been admitted is never turned away again, not even after a restart with a smaller
// budget. Loop thread only.
//
// Source: kubelet lifecycle/predicate.go, v1.33 to v1.36, for the words of a rejection.
class PodAdmission {
 public:
  // Quantities by resource name, "pods" among them; malformed ones were refused by the flags.
  PodAdmission(const std::map<std::string, std::string>& capacity, ProviderCapabilities capabilities);

  // Reserves what `pod` asks for if it is accepted. Asking again for the same Pod reserves nothing more.
  Admission Admit(const Json& pod);
  // As Admit() without a check: for Pods that an agent before this one had admitted.
  void Readmit(const Json& pod);
  // The Pod has ended or is gone.
  void Release(const std::string& pod_uid);
  std::size_t admitted() const { return admitted_.size(); }

 private:
  Admission CheckFeatures(const Json& pod);
  Admission CheckSize(const ResourceAmounts& wanted) const;
  Admission CheckCapacity(const ResourceAmounts& wanted) const;
  // Of all that is admitted.
  kube::Quantity Sum(const std::string& resource) const;

  ResourceAmounts capacity_;
  ProviderCapabilities capabilities_;
  kube::Decoder decoder_;
  std::map<std::string, ResourceAmounts> admitted_;  // by Pod UID
  ResourceAmounts used_;
};

}  // namespace spillway::cloud
