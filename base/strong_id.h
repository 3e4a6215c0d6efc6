#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>

namespace spillway::base {

// A dense index that cannot be mixed up with another kind: struct NodeTag; using NodeIndex = StrongId<NodeTag>;
template <typename Tag>
class StrongId {
 public:
  using Value = std::uint32_t;
  constexpr StrongId() = default;  // no id: valid() is false
  explicit constexpr StrongId(Value value) : value_(value) {}
  constexpr Value value() const { return value_; }
  constexpr bool valid() const { return value_ != kNone; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  static constexpr Value kNone = std::numeric_limits<Value>::max();
  Value value_ = kNone;
};

}  // namespace spillway::base

namespace spillway {
using base::StrongId;
}  // namespace spillway

template <typename Tag>
struct std::hash<spillway::base::StrongId<Tag>> {
  std::size_t operator()(spillway::base::StrongId<Tag> id) const noexcept { return id.value(); }
};
