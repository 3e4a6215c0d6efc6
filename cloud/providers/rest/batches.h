#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace spillway::cloud::rest {

// `all` in parts of at most `size`, as a call takes them.
template <typename T>
std::vector<std::vector<T>> InBatches(std::vector<T> all, std::size_t size) {
  std::vector<std::vector<T>> batches;
  for (std::size_t at = 0; at < all.size(); at += size) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), at + size));
    batches.emplace_back(std::make_move_iterator(begin), std::make_move_iterator(end));
  }
  return batches;
}

}  // namespace spillway::cloud::rest
