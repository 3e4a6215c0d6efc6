#include "cloud/agent/node_labels.h"

#include <algorithm>
#include <utility>

#include "kube/api/selector.h"

namespace spillway::cloud {

void NodeLabels::OnNode(const Json& node) {
  name_ = TextAt(node, "metadata", "name");
  kube::StringMap labels;
  const Json& given = At(node, "metadata", "labels");
  if (given.is_object()) {
    for (const auto& [key, value] : given.items()) labels.emplace_back(key, Text(value));
  }
  std::sort(labels.begin(), labels.end());
  labels_ = std::move(labels);
}

bool NodeLabels::Match(const kube::Pod& pod) const {
  const bool is_selected = std::all_of(pod.node_selector.begin(), pod.node_selector.end(), [this](const auto& wanted) {
    const std::string* value = kube::Find(labels_, wanted.first);
    return value && *value == wanted.second;
  });
  return is_selected && (!pod.required_node_affinity || kube::Matches(*pod.required_node_affinity, labels_, name_));
}

}  // namespace spillway::cloud
