#pragma once

#include <memory>

namespace spillway::sim {

// A T that most owners do not need: eight bytes until it is changed. Copies are deep.
template <typename T>
class Rare {
 public:
  Rare() = default;
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare&&) noexcept = default;
  Rare(const Rare& other) : value_(other.value_ == nullptr ? nullptr : std::make_unique<T>(*other.value_)) {}
  Rare& operator=(const Rare& other) { return *this = Rare(other); }
  ~Rare() = default;

  const T& get() const { return value_ == nullptr ? kNone : *value_; }
  T& change() {
    if (value_ == nullptr) value_ = std::make_unique<T>();
    return *value_;
  }

 private:
  static inline const T kNone{};

  std::unique_ptr<T> value_;
};

}  // namespace spillway::sim
