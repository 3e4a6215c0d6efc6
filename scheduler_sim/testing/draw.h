#pragma once

#include <array>
#include <string>

#include "scheduler_sim/testing/random_cluster.h"

namespace spillway::sim::testing {

inline constexpr std::array<const char*, 3> kNamespaces = {"default", "ns1", "ns2"};

// Reads genes one after the other.
class Draw {
 public:
  explicit Draw(const Genes& genes) : genes_(genes) {}

  // 0 to below - 1.
  int Below(int below) { return at_ < genes_.size() ? genes_[at_++] % below : 0; }
  bool OneIn(int many) { return Below(many) == many - 1; }
  template <std::size_t kSize>
  std::string From(const std::array<const char*, kSize>& choices) {
    return choices[static_cast<std::size_t>(Below(static_cast<int>(kSize)))];
  }

 private:
  const Genes& genes_;
  std::size_t at_ = 0;
};

}  // namespace spillway::sim::testing
