#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/api/objects.h"
#include "kube/api/pod_features.h"

// What a virtual node says of itself in annotations: which features of Pods it can run, and how large a Pod may be.
namespace spillway::kube {

inline constexpr std::string_view kCapabilitiesAnnotation = "spillway.io/capabilities";
inline constexpr std::string_view kLargestInstancesAnnotation = "spillway.io/largest-instances";

// What is assumed of other people's virtual nodes, which say nothing: what the serverless services of the large clouds
// have in common.
extern const std::string_view kForeignNodeCapabilities;

// An allow-list of features by the names of pod_features.h. "*": everything. "csi" allows csi/<any driver>;
// "persistentVolumeClaim/<name>" allows claims whose volume is of that CSI driver, in-tree kind ("nfs") or
// StorageClass.
class Capabilities {
 public:
  Capabilities() = default;  // nothing
  explicit Capabilities(std::vector<std::string> names);
  // Names separated by commas; blanks and repetitions do not matter, and any name is taken.
  static Capabilities Parse(std::string_view text);

  // A feature with a qualifier that is unknown as yet ("persistentVolumeClaim") is allowed when it is with any.
  bool Can(std::string_view feature) const;
  // "hostPID (spec.hostPID), privileged (spec.containers[0].securityContext.privileged)": what of `features` is not
  // allowed, the first three of it; empty when all is.
  std::string Lacking(std::span<const PodFeature> features) const;

  const std::vector<std::string>& names() const { return names_; }  // sorted, unique
  std::string Text() const;                                         // as Parse() reads it
  bool operator==(const Capabilities&) const = default;

 private:
  std::vector<std::string> names_;
};

// The most that one instance may have of each resource; of what is not named it has none. A provider may have several
// largest ones: much memory, or GPUs.
struct LargestInstance {
  ResourceList amounts;
  std::string text;  // "cpu=64,memory=512Gi"
  bool operator==(const LargestInstance&) const = default;

  bool Fits(const ResourceList& requests) const;
};

// "cpu=64,memory=512Gi;cpu=52,memory=192Gi,nvidia.com/gpu=8"; empty: none. kInvalidArgument says what is wrong with it.
Result<std::vector<LargestInstance>> ParseLargestInstances(std::string_view text);
std::string ToText(std::span<const LargestInstance> largest);

}  // namespace spillway::kube
