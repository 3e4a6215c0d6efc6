#include "sandbox/store/json_path.h"

#include <utility>

namespace spillway::sandbox {
namespace {

template <typename J>
J* FindIn(J* at, std::string_view path) {
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const auto next = at->find(std::string(path.substr(0, dot)));
    if (next == at->end()) return nullptr;
    at = &*next;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at->is_null() ? nullptr : at;
}

}  // namespace

const Json* Find(const Json& object, std::string_view dotted_path) { return FindIn(&object, dotted_path); }
Json* Find(Json& object, std::string_view dotted_path) { return FindIn(&object, dotted_path); }

std::string TextAt(const Json& object, std::string_view dotted_path) {
  const Json* found = Find(object, dotted_path);
  return found && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t IntAt(const Json& object, std::string_view dotted_path, std::int64_t otherwise) {
  const Json* found = Find(object, dotted_path);
  return found && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
}

bool IsTrueAt(const Json& object, std::string_view dotted_path) {
  const Json* found = Find(object, dotted_path);
  return found && found->is_boolean() && found->get<bool>();
}

Json& ObjectAt(Json& object, std::string_view path) {
  Json* at = &object;
  while (true) {
    if (!at->is_object()) *at = Json::object();
    if (path.empty()) return *at;
    const std::size_t dot = path.find('.');
    at = &(*at)[std::string(path.substr(0, dot))];
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
}

const Json& ArrayAt(const Json& object, std::string_view dotted_path) {
  static const Json none = Json::array();
  const Json* found = Find(object, dotted_path);
  return found && found->is_array() ? *found : none;
}

void Default(Json& object, const char* key, Json value) {
  Json& slot = object[key];
  if (slot.is_null()) slot = std::move(value);
}

}  // namespace spillway::sandbox
