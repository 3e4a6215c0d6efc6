#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kube/api/objects.h"
#include "sandbox/store/api_error.h"
#include "sandbox/store/etcd.h"

namespace spillway::sandbox {

// A labelSelector and a fieldSelector of a list or watch, parsed once, matched against the index of stored objects.
//
// Source: apimachinery pkg/fields/selector.go; the fields of each kind as its registry's strategy serves them
// (Kind::fields).
class Selector {
 public:
  // 400 for a malformed selector or a field the kind does not serve. events.k8s.io's names of fields are understood
  // too.
  static ApiResult<Selector> Parse(const Kind& kind, std::string_view labels, std::string_view fields);

  bool Matches(const Stored& object) const;
  bool is_empty() const { return !has_labels_ && terms_.empty(); }
  // The name that metadata.name= asks for; empty when it does not.
  const std::string& name() const { return name_; }

 private:
  struct Term {
    enum class Subject : std::uint8_t { kName, kNamespace, kField };
    Subject subject = Subject::kField;
    std::size_t field = 0;  // index in Kind::fields
    bool equal = true;
    std::string value;
  };
  bool has_labels_ = false;
  kube::LabelSelector labels_;
  std::vector<Term> terms_;
  std::string name_;
};

// The values of Kind::fields of one object.
std::vector<std::string> FieldsOf(const Kind& kind, const Json& object);

}  // namespace spillway::sandbox
