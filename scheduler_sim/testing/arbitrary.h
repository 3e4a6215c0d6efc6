#pragma once

#include <rapidcheck.h>

#include <vector>

#include "scheduler_sim/testing/random_history.h"

namespace rc {
template <>
struct Arbitrary<spillway::sim::testing::RandomCluster> {
  static Gen<spillway::sim::testing::RandomCluster> arbitrary() {
    using spillway::sim::testing::Genes;
    using spillway::sim::testing::RandomCluster;
    const auto genes = gen::container<Genes>(60, gen::inRange<std::uint8_t>(0, 240));
    const auto many = [&](int least, int most) {
      return gen::mapcat(gen::inRange<std::size_t>(least, most + 1),
                         [genes](std::size_t size) { return gen::container<std::vector<Genes>>(size, genes); });
    };
    return gen::build<RandomCluster>(
        gen::set(&RandomCluster::nodes, many(0, 6)), gen::set(&RandomCluster::pods, many(1, 20)),
        gen::set(&RandomCluster::namespaces, many(0, 3)), gen::set(&RandomCluster::selecting, many(0, 12)),
        gen::set(&RandomCluster::scheduler, gen::oneOf(gen::just(Genes()), genes)),
        gen::set(&RandomCluster::storage, many(0, 24)), gen::set(&RandomCluster::volumes, many(0, 20)));
  }
};
}  // namespace rc
