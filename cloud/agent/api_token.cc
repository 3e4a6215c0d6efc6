#include "cloud/agent/api_token.h"

#include <algorithm>
#include <string>

namespace spillway::cloud {
namespace {

constexpr const char* kNamePrefix = "kube-api-access-";

bool IsOfAdmission(const Json& source) {
  if (const Json& token = At(source, "serviceAccountToken"); !token.is_null()) {
    return TextAt(token, "path") == "token" && TextAt(token, "audience").empty();
  }
  if (const Json& root = At(source, "configMap"); !root.is_null()) return TextAt(root, "name") == "kube-root-ca.crt";
  const Json& fields = Items(At(source, "downwardAPI", "items"));
  return !fields.empty() && std::all_of(fields.begin(), fields.end(),
                                        [](const Json& field) { return TextAt(field, "path") == "namespace"; });
}

bool IsApiToken(const Json& volume) {
  const Json& sources = Items(At(volume, "projected", "sources"));
  return TextAt(volume, "name").starts_with(kNamePrefix) && !sources.empty() &&
         std::all_of(sources.begin(), sources.end(), IsOfAdmission);
}

template <class IsIt>
void Erase(Json& object, const char* list, IsIt is_it) {
  if (!object.is_object() || !object.contains(list) || !object[list].is_array()) return;
  auto& items = object[list].get_ref<Json::array_t&>();
  std::erase_if(items, is_it);
}

}  // namespace

bool LeaveOutApiToken(Json& pod) {
  std::string name;
  for (const Json& volume : Items(At(pod, "spec", "volumes"))) {
    if (IsApiToken(volume)) name = TextAt(volume, "name");
  }
  if (name.empty()) return false;
  const auto is_it = [&](const Json& one) { return TextAt(one, "name") == name; };
  Json& spec = pod["spec"];
  Erase(spec, "volumes", is_it);
  for (const char* list : {"containers", "initContainers"}) {
    if (Items(At(spec, list)).empty()) continue;
    for (Json& container : spec[list]) Erase(container, "volumeMounts", is_it);
  }
  return true;
}

}  // namespace spillway::cloud
