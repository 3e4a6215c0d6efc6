#include "scheduler_sim/model/key.h"

namespace spillway::sim {

KeyWriter& KeyWriter::Map(const kube::StringMap& map) {
  Size(map.size());
  for (const auto& [key, value] : map) Text(key).Text(value);
  return *this;
}

KeyWriter& KeyWriter::Requirements(const std::vector<kube::LabelRequirement>& requirements) {
  Size(requirements.size());
  for (const kube::LabelRequirement& requirement : requirements) {
    Text(requirement.key).Size(static_cast<std::size_t>(requirement.op)).Size(requirement.values.size());
    for (const std::string& value : requirement.values) Text(value);
  }
  return *this;
}

KeyWriter& KeyWriter::Selector(const kube::LabelSelector& selector) {
  return Map(selector.match_labels).Requirements(selector.match_expressions);
}

KeyWriter& KeyWriter::Selector(const std::optional<kube::LabelSelector>& selector) {
  Size(selector.has_value() ? 1 : 0);
  return selector ? Selector(*selector) : *this;
}

KeyWriter& KeyWriter::Nodes(const std::optional<kube::NodeSelector>& selector) {
  Size(selector.has_value() ? 1 : 0);
  if (!selector) return *this;
  Size(selector->terms.size());
  for (const kube::NodeSelectorTerm& term : selector->terms) {
    Requirements(term.match_expressions).Requirements(term.match_fields);
  }
  return *this;
}

KeyWriter& KeyWriter::Tolerations(const std::vector<kube::Toleration>& tolerations) {
  Size(tolerations.size());
  for (const kube::Toleration& toleration : tolerations) {
    Text(toleration.key).Size(static_cast<std::size_t>(toleration.op)).Text(toleration.value);
    Size(static_cast<std::size_t>(toleration.effect));
  }
  return *this;
}

}  // namespace spillway::sim
