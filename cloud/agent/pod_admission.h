#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cloud/agent/node_labels.h"
#include "cloud/capabilities.h"
#include "cloud/json.h"
#include "cloud/pod_resources.h"
#include "kube/api/decode.h"

namespace spillway::cloud {

// The reason of a Pod that asks for another node than this.
inline constexpr const char* kNodeAffinity = "NodeAffinity";

// What the node does with a Pod that has been bound to it.
struct Admission {
  enum class Verdict : std::uint8_t {
    kAccept,
    kHold,    // never an instance, stays Pending: a Failed one would be created again by its DaemonSet, for ever
    kRefuse,  // no instance: the Pod stays Pending for a while, and is rejected then
    kReject,  // the Pod fails, as with kubelet, so that its controller makes another
  };
  Verdict verdict = Verdict::kAccept;
  // "DaemonSetForbidden", "UnsupportedFeature", "InstanceTooLarge", "OutOfcpu", kNodeAffinity
  std::string reason, message;
};

// Keeps the node's budget. What has been admitted is never turned away again, not even after a restart with a smaller
// budget. Loop thread only.
//
// Source: kubelet lifecycle/predicate.go, v1.33 to v1.36, for the words of a rejection.
class PodAdmission {
 public:
  // Quantities by resource name, "pods" among them; malformed ones were refused by the flags. `node` outlives it.
  PodAdmission(const std::map<std::string, std::string>& capacity, ProviderCapabilities capabilities,
               const NodeLabels& node);

  // Reserves what `pod` asks for if it is accepted. Asking again for the same Pod reserves nothing more. kNodeAffinity
  // says that the node as it is known is not what the Pod asks for: whoever hears that looks at the node once more.
  Admission Admit(const Json& pod);
  // As Admit() without a check: for Pods that an agent before this one had admitted.
  void Readmit(const Json& pod);
  // The Pod has ended or is gone.
  void Release(const std::string& pod_uid);
  std::size_t admitted() const { return admitted_.size(); }

 private:
  Admission CheckNode(const Json& pod);
  Admission CheckFeatures(const Json& pod);
  Admission CheckSize(const ResourceAmounts& wanted) const;
  Admission CheckCapacity(const ResourceAmounts& wanted) const;
  // Of all that is admitted.
  kube::Quantity Sum(const std::string& resource) const;

  ResourceAmounts capacity_;
  ProviderCapabilities capabilities_;
  const NodeLabels& node_;
  kube::Decoder decoder_;
  using SharedAmounts = std::shared_ptr<const ResourceAmounts>;
  std::map<std::string, SharedAmounts> admitted_;  // by Pod UID
  SharedAmounts newest_;  // of thousands of Pods most are replicas, and ask for the same as the one before
  ResourceAmounts used_;
};

}  // namespace spillway::cloud
