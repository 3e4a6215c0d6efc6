#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// Reading Kubernetes objects kept as JSON: absent, null and of another type all read as "absent", since
// what comes from outside may be anything. None of these throws.
namespace spillway::kube {

using Json = nlohmann::json;

// The member `key` of `object`, or a null value.
const Json& At(const Json& object, std::string_view key);
// At(At(object, a), b): TextAt(pod, "metadata", "uid").
template <typename... Keys>
const Json& At(const Json& object, std::string_view key, Keys... rest) {
  return At(At(object, key), rest...);
}

std::string Text(const Json& value);  // "" unless a string
std::int64_t Integer(const Json& value, std::int64_t otherwise = 0);
bool IsTrue(const Json& value);
// The value if it is an array (an object), else an empty one, to iterate over.
const Json& Items(const Json& value);
const Json& Members(const Json& value);

template <typename... Keys>
std::string TextAt(const Json& object, Keys... keys) {
  return Text(At(object, keys...));
}

// The element of `list` whose "name" (or `key`) is `name`; null value when there is none.
const Json& Named(const Json& list, std::string_view name, std::string_view key = "name");

}  // namespace spillway::kube
