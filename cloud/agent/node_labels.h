#pragma once

#include <string>

#include "cloud/json.h"
#include "kube/api/objects.h"

namespace spillway::cloud {

// Name and labels of the Node as the API server has them: what Pods may ask of their node. Loop thread only.
class NodeLabels {
 public:
  // The Node as the API server has it.
  void OnNode(const Json& node);
  // Whether it is what `pod` asks for, by nodeSelector and required node affinity. A Node that was not seen yet has no
  // labels and no name.
  //
  // Source: component-helpers scheduling/corev1/nodeaffinity GetRequiredNodeAffinity, v1.33 to v1.36.
  bool Match(const kube::Pod& pod) const;

 private:
  std::string name_;
  kube::StringMap labels_;
};

}  // namespace spillway::cloud
