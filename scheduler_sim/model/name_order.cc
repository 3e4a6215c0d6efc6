#include "scheduler_sim/model/name_order.h"

namespace spillway::sim {
namespace {

constexpr std::uint64_t kStep = std::uint64_t{1} << 40;  // room for 16 million names in a row, halved 40 times

}  // namespace

NameOrder::Inserted NameOrder::Insert(std::string_view name, NodeIndex node) {
  const auto at = nodes_.emplace(std::string(name), Entry{node, 0}).first;
  const std::uint64_t before = at == nodes_.begin() ? 0 : std::prev(at)->second.rank;
  const auto next = std::next(at);
  if (next == nodes_.end()) {
    if (before <= UINT64_MAX - kStep) {
      at->second.rank = before + kStep;
      return {at->second.rank, false};
    }
  } else if (next->second.rank - before >= 2) {
    at->second.rank = before + (next->second.rank - before) / 2;
    return {at->second.rank, false};
  }
  std::uint64_t rank = 0;
  for (auto& [unused, entry] : nodes_) entry.rank = rank += kStep;
  return {at->second.rank, true};
}

}  // namespace spillway::sim
