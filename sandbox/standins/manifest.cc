#include "sandbox/standins/manifest.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <optional>

namespace spillway::sandbox {
namespace {

Json ScalarToJson(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true") return true;
  if (text == "false") return false;
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto parsed = std::from_chars(text.data(), end, whole); parsed.ec == std::errc() && parsed.ptr == end)
    return whole;
  double number = 0;
  const bool numeric = text.find_first_not_of("0123456789.eE+-") == std::string::npos;
  if (const auto parsed = std::from_chars(text.data(), end, number);
      numeric && parsed.ec == std::errc() && parsed.ptr == end)
    return number;
  return text;
}

Json ToJson(const YAML::Node& node) {
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& entry : node) object[entry.first.as<std::string>()] = ToJson(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    Json array = Json::array();
    for (const auto& item : node) array.push_back(ToJson(item));
    return array;
  }
  return node.IsScalar() ? ScalarToJson(node) : Json();
}

}  // namespace

Result<std::vector<Json>> ParseManifest(std::string_view yaml) {
  std::vector<Json> objects;
  try {
    for (const YAML::Node& document : YAML::LoadAll(std::string(yaml))) {
      Json object = ToJson(document);
      if (object.is_null()) continue;
      if (Text(object, {"kind"}).empty()) return Fail(Code::kMalformed, "a document without kind");
      if (At(object, {"items"}).is_array()) {
        for (Json& item : object["items"]) objects.push_back(std::move(item));
      } else {
        objects.push_back(std::move(object));
      }
    }
  } catch (const YAML::Exception& error) {
    return Fail(Code::kMalformed, error.what());
  }
  return objects;
}

Status ApplyManifest(Store& store, std::string_view yaml, const std::string& ns) {
  auto objects = ParseManifest(yaml);
  if (!objects) return Fail(std::move(objects.error()));
  for (Json& object : *objects) {
    const Kind* kind = FindKindOf(Text(object, {"apiVersion"}), Text(object, {"kind"}));
    if (kind == nullptr)
      return Fail(Code::kInvalidArgument,
                  fmt::format("no kind \"{}\" in \"{}\"", Text(object, {"kind"}), Text(object, {"apiVersion"})));
    if (kind->namespaced && NamespaceOf(object).empty()) object["metadata"]["namespace"] = ns;
    const std::string resource = kind->GroupResource();
    auto written = store.Create(resource, object);
    if (!written && written.error().reason == "AlreadyExists")
      written = store.Patch(resource, NamespaceOf(object), ObjectName(object), PatchType::kMerge, object);
    if (!written) return Fail(ToError(written.error()));
  }
  return {};
}

}  // namespace spillway::sandbox
