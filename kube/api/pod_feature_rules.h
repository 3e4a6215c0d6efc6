#pragma once

#include <cstdint>
#include <span>
#include <string_view>

// The vocabulary of pod_features.h as tables: which field asks for what. For pod_features.cc.
namespace spillway::kube::internal {

struct FieldTable;

// What one field asks for. Several rules of one field are all looked at.
struct FieldRule {
  enum class When : std::uint8_t {
    kSet,     // it is there, and not null, false, or an empty text or list
    kFalse,   // it is false
    kIs,      // it is one of `values`
    kUnless,  // it is set, and none of `values`: those are what the API server sets by default
    kNamed,   // it is set: the feature is "<feature>/<its value>"
    kAbsent,  // it is not set
    kMade,    // its value begins with `values`: "<feature>/<its feature>" is what the object asks for
    kValue,   // nothing is asked for: it is noted as a PodValue where it is set
  };
  std::string_view field;
  std::string_view feature = {};  // empty: it asks for nothing by itself
  When when = When::kSet;
  std::string_view values = {};        // separated by '|'
  const FieldTable* inside = nullptr;  // for an object, or each object of a list
};

struct FieldTable {
  std::string_view place;  // before the names of unknown fields: "container", "volume"
  std::span<const FieldRule> rules;
  const FieldTable* more = nullptr;  // rules of the fields that `rules` does not have
};

// Of a Pod's spec.
extern const FieldTable kSpecFields;

}  // namespace spillway::kube::internal
