#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace spillway::kube {

// An exact decimal amount, as k8s.io/apimachinery resource.Quantity holds it: whole nano-units in 128 bits. Sums are
// exact and saturate; rounding happens once, in Value() or MilliValue(), away from zero.
//
// Source: apimachinery pkg/api/resource/quantity.go, v0.33 to v0.36: at most nine fractional digits, finer amounts
// round up to 1n; binary-suffix amounts above 2^63-1 are capped.
class Quantity {
 public:
  __extension__ using Nano = __int128;

  constexpr Quantity() = default;
  static constexpr Quantity FromMilli(std::int64_t milli) { return Quantity(Nano{milli} * 1'000'000, -3); }
  static constexpr Quantity FromUnits(std::int64_t units) { return Quantity(Nano{units} * 1'000'000'000); }
  // Grammar: ^[+-]?[0-9.]+([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$; nullopt when malformed.
  static std::optional<Quantity> Parse(std::string_view text);

  // Whole units / thousandths, rounded away from zero.
  std::int64_t Value() const;
  std::int64_t MilliValue() const;
  // More than can be held: a sum of it is no sum any more, and nothing may be taken from it.
  bool is_saturated() const;
  constexpr bool is_zero() const { return nano_ == 0; }
  constexpr Nano nano() const { return nano_; }

  Quantity& operator+=(Quantity other);
  constexpr Quantity operator-() const { return Quantity(-nano_, scale_); }
  friend Quantity operator+(Quantity a, Quantity b) { return a += b; }
  friend constexpr auto operator<=>(Quantity a, Quantity b) { return a.nano_ <=> b.nano_; }
  friend constexpr bool operator==(Quantity a, Quantity b) { return a.nano_ == b.nano_; }

 private:
  explicit constexpr Quantity(Nano nano, std::int8_t scale = 0) : nano_(nano), scale_(scale) {}
  static constexpr std::int8_t kBig = 127;
  // As upstream's int64Amount.Add; false when the sum has to be a big decimal.
  bool AddSmall(Quantity other);
  std::int64_t Whole(Nano unit) const;

  Nano nano_ = 0;
  std::int8_t scale_ = 0;  // upstream's power of ten; kBig: a big decimal
};

}  // namespace spillway::kube
