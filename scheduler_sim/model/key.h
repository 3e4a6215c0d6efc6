#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kube/api/objects.h"

namespace spillway::sim {

// Writes values as canonical bytes: equal bytes exactly when equal values. Appends to a buffer that the caller reuses.
class KeyWriter {
 public:
  explicit KeyWriter(std::string& out) : out_(out) { out_.clear(); }

  KeyWriter& Int(std::int64_t value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  KeyWriter& Size(std::size_t size) {
    const auto value = static_cast<std::uint32_t>(size);
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  KeyWriter& Text(std::string_view text) {
    Size(text.size());
    out_.append(text);
    return *this;
  }
  KeyWriter& Map(const kube::StringMap& map);
  KeyWriter& Requirements(const std::vector<kube::LabelRequirement>& requirements);
  KeyWriter& Selector(const kube::LabelSelector& selector);
  KeyWriter& Selector(const std::optional<kube::LabelSelector>& selector);
  KeyWriter& Nodes(const std::optional<kube::NodeSelector>& selector);
  KeyWriter& Tolerations(const std::vector<kube::Toleration>& tolerations);

 private:
  std::string& out_;
};

}  // namespace spillway::sim
