#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "cloud/json.h"

namespace spillway::cloud {

// A document that is rarely looked at: between times it is kept as CBOR, a fraction of what it takes parsed.
class FoldedJson {
 public:
  explicit FoldedJson(Json document) : open_(std::move(document)) {}
  FoldedJson& operator=(Json document) {
    open_ = std::move(document);
    folded_.clear();
    return *this;
  }

  // Valid until Fold() or an assignment.
  const Json& get() const {
    if (!open_) open_ = Json::from_cbor(folded_);
    return *open_;
  }
  // It stands wherever a document does.
  operator const Json&() const { return get(); }
  // For one look from outside: nothing stays unfolded.
  Json Copy() const { return open_ ? *open_ : Json::from_cbor(folded_); }

  void Fold() {
    if (!open_) return;
    if (folded_.empty()) {
      Json::to_cbor(*open_, folded_);
      folded_.shrink_to_fit();
    }
    open_.reset();
  }
  bool is_folded() const { return !open_; }

 private:
  mutable std::optional<Json> open_;
  std::vector<std::uint8_t> folded_;  // of the same document, or empty
};

}  // namespace spillway::cloud
