#include "controller/webhook/json_patch.h"

#include <utility>

namespace spillway::webhook {

std::string PointerTo(std::initializer_list<std::string_view> steps) {
  std::string pointer;
  for (const std::string_view step : steps) {
    pointer += '/';
    for (const char c : step) {
      if (c == '~') {
        pointer += "~0";
      } else if (c == '/') {
        pointer += "~1";
      } else {
        pointer += c;
      }
    }
  }
  return pointer;
}

void JsonPatch::Set(std::string pointer, Json value) {
  operations_.push_back({{"op", "add"}, {"path", std::move(pointer)}, {"value", std::move(value)}});
}

void JsonPatch::Append(std::string pointer, const Json& list, Json value) {
  if (list.is_array()) {
    Set(pointer + "/-", std::move(value));
  } else {
    Set(std::move(pointer), Json::array({std::move(value)}));
  }
}

}  // namespace spillway::webhook
