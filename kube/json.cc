#include "kube/json.h"

namespace spillway::kube {
namespace {
const Json& Null() {
  static const Json null;
  return null;
}
}  // namespace

const Json& At(const Json& object, std::string_view key) {
  if (!object.is_object()) return Null();
  const auto found = object.find(std::string(key));
  return found == object.end() ? Null() : *found;
}

std::string Text(const Json& value) {
  const auto* text = value.get_ptr<const Json::string_t*>();
  return text ? *text : std::string();
}

std::int64_t Integer(const Json& value, std::int64_t otherwise) {
  return value.is_number_integer() ? value.get<std::int64_t>() : otherwise;
}

bool IsTrue(const Json& value) { return value.is_boolean() && value.get<bool>(); }

const Json& Items(const Json& value) {
  static const Json empty = Json::array();
  return value.is_array() ? value : empty;
}

const Json& Members(const Json& value) {
  static const Json empty = Json::object();
  return value.is_object() ? value : empty;
}

const Json& Named(const Json& list, std::string_view name, std::string_view key) {
  for (const Json& item : Items(list)) {
    if (Text(At(item, key)) == name) return item;
  }
  return Null();
}

}  // namespace spillway::kube
