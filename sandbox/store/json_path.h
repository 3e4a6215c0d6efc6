#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace spillway::sandbox {

using Json = nlohmann::json;

// Reading objects that anyone may have written: nothing here throws on a missing or mistyped part.

// What is at "spec.nodeName"; null when absent or JSON null. Path elements hold no dots.
const Json* Find(const Json& object, std::string_view dotted_path);
Json* Find(Json& object, std::string_view dotted_path);
// "" when absent or no string.
std::string TextAt(const Json& object, std::string_view dotted_path);
std::int64_t IntAt(const Json& object, std::string_view dotted_path, std::int64_t otherwise);
// False when absent or no boolean.
bool IsTrueAt(const Json& object, std::string_view dotted_path);
// The object at the path, made (in place of anything else) where it is not.
Json& ObjectAt(Json& object, std::string_view dotted_path);
// The elements of the array at the path; an empty array when there is none.
const Json& ArrayAt(const Json& object, std::string_view dotted_path);
const Json& ArrayAt(Json&& object, std::string_view dotted_path) = delete;  // would dangle
// Sets object[key] when absent or null.
void Default(Json& object, const char* key, Json value);

}  // namespace spillway::sandbox
