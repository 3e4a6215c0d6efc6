#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "scheduler_sim/cluster.h"

namespace spillway::sim {

// A set of nodes as a bitset over NodeIndex. Sets of different length compare and combine as if padded with absent
// nodes.
class NodeSet {
 public:
  NodeSet() = default;

  bool Has(NodeIndex node) const {
    const std::size_t word = node.value() / 64;
    return word < words_.size() && (words_[word] >> (node.value() % 64) & 1) != 0;
  }
  void Add(NodeIndex node) {
    const std::size_t word = node.value() / 64;
    if (word >= words_.size()) words_.resize(word + 1);
    words_[word] |= Bit(node);
  }
  void Remove(NodeIndex node) {
    const std::size_t word = node.value() / 64;
    if (word < words_.size()) words_[word] &= ~Bit(node);
  }
  void Put(NodeIndex node, bool member) { member ? Add(node) : Remove(node); }

  std::int64_t Count() const {
    std::int64_t count = 0;
    for (const std::uint64_t word : words_) count += std::popcount(word);
    return count;
  }
  bool empty() const {
    for (const std::uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }

  // Keeps only members of `other`; returns how many were dropped.
  std::int64_t IntersectWith(const NodeSet& other) {
    std::int64_t dropped = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t kept = words_[i] & (i < other.words_.size() ? other.words_[i] : 0);
      dropped += std::popcount(words_[i] ^ kept);
      words_[i] = kept;
    }
    return dropped;
  }
  // Drops the members of `other`; returns how many were dropped.
  std::int64_t Subtract(const NodeSet& other) {
    std::int64_t dropped = 0;
    const std::size_t size = std::min(words_.size(), other.words_.size());
    for (std::size_t i = 0; i < size; ++i) {
      dropped += std::popcount(words_[i] & other.words_[i]);
      words_[i] &= ~other.words_[i];
    }
    return dropped;
  }
  void UniteWith(const NodeSet& other) {
    if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
    for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
  }

  // Calls each(NodeIndex) in index order. The set must not change meanwhile, except that `each` may remove its
  // argument.
  template <typename Each>
  void ForEach(Each&& each) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t left = words_[i]; left != 0; left &= left - 1) {
        each(NodeIndex(static_cast<std::uint32_t>(i * 64) + static_cast<std::uint32_t>(std::countr_zero(left))));
      }
    }
  }

  // 64 nodes a word, node 64*i in bit 0 of word i; for scans over columns.
  const std::vector<std::uint64_t>& words() const { return words_; }
  std::vector<std::uint64_t>& words() { return words_; }

 private:
  static std::uint64_t Bit(NodeIndex node) { return std::uint64_t{1} << (node.value() % 64); }

  std::vector<std::uint64_t> words_;
};

}  // namespace spillway::sim
