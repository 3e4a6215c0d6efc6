#include "sandbox/standins/objects.h"

#include <algorithm>

namespace spillway::sandbox {
namespace {
const Json kNull;
}  // namespace

const Json& At(const Json& object, std::initializer_list<const char*> path) {
  const Json* at = &object;
  for (const char* field : path) {
    if (!at->is_object()) return kNull;
    const auto found = at->find(field);
    if (found == at->end()) return kNull;
    at = &*found;
  }
  return *at;
}

std::string Text(const Json& object, std::initializer_list<const char*> path) {
  const Json& value = At(object, path);
  return value.is_string() ? value.get<std::string>() : "";
}

std::int64_t Number(const Json& object, std::initializer_list<const char*> path, std::int64_t fallback) {
  const Json& value = At(object, path);
  return value.is_number_integer() ? value.get<std::int64_t>() : fallback;
}

std::string ObjectName(const Json& object) { return Text(object, {"metadata", "name"}); }
std::string NamespaceOf(const Json& object) { return Text(object, {"metadata", "namespace"}); }
std::string UidOf(const Json& object) { return Text(object, {"metadata", "uid"}); }
bool IsTerminating(const Json& object) { return At(object, {"metadata", "deletionTimestamp"}).is_string(); }

std::string ControllerUid(const Json& object) {
  for (const Json& owner : At(object, {"metadata", "ownerReferences"})) {
    if (At(owner, {"controller"}) == true) return Text(owner, {"uid"});
  }
  return "";
}

std::string PhaseOf(const Json& pod) { return Text(pod, {"status", "phase"}); }
std::string NodeOf(const Json& pod) { return Text(pod, {"spec", "nodeName"}); }

bool IsPodTerminal(const Json& pod) {
  const std::string phase = PhaseOf(pod);
  return phase == "Succeeded" || phase == "Failed";
}
bool IsPodActive(const Json& pod) { return !IsPodTerminal(pod) && !IsTerminating(pod); }
bool IsPodReady(const Json& pod) { return Text(FindCondition(pod, "Ready"), {"status"}) == "True"; }

const Json& FindCondition(const Json& object, std::string_view type) {
  for (const Json& condition : At(object, {"status", "conditions"})) {
    if (At(condition, {"type"}) == type) return condition;
  }
  return kNull;
}

bool SetCondition(Json& status, std::string_view type, bool value, std::string_view reason, std::string_view message,
                  WallTime now) {
  return SetConditionTo(status, type, value ? "True" : "False", reason, message, now);
}

bool SetConditionTo(Json& status, std::string_view type, std::string_view wanted, std::string_view reason,
                    std::string_view message, WallTime now) {
  Json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  auto found =
      std::find_if(conditions.begin(), conditions.end(), [&](const Json& c) { return At(c, {"type"}) == type; });
  if (found != conditions.end() && Text(*found, {"status"}) == wanted && Text(*found, {"reason"}) == reason &&
      Text(*found, {"message"}) == message)
    return false;
  if (found == conditions.end()) {
    conditions.push_back({{"type", type}, {"lastProbeTime", nullptr}});
    found = std::prev(conditions.end());
  }
  Json& condition = *found;
  if (Text(condition, {"status"}) != wanted) condition["lastTransitionTime"] = base::FormatRfc3339(now);
  condition["status"] = wanted;
  condition.erase("reason");
  condition.erase("message");
  if (!reason.empty()) condition["reason"] = reason;
  if (!message.empty()) condition["message"] = message;
  return true;
}

Json ChildOf(const Json& owner, std::string_view api_version, std::string_view kind, const Json& tmpl,
             const std::string& name) {
  Json child = {
      {"apiVersion", api_version}, {"kind", kind}, {"metadata", Json::object()}, {"spec", At(tmpl, {"spec"})}};
  Json& metadata = child["metadata"];
  for (const char* field : {"labels", "annotations"}) {
    if (At(tmpl, {"metadata", field}).is_object()) metadata[field] = At(tmpl, {"metadata", field});
  }
  metadata[name.ends_with('-') ? "generateName" : "name"] = name;
  metadata["namespace"] = NamespaceOf(owner);
  metadata["ownerReferences"] = Json::array({{{"apiVersion", Text(owner, {"apiVersion"})},
                                              {"kind", Text(owner, {"kind"})},
                                              {"name", ObjectName(owner)},
                                              {"uid", UidOf(owner)},
                                              {"controller", true},
                                              {"blockOwnerDeletion", true}}});
  return child;
}

std::string SafeHash(const Json& value) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : value.dump()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string text;
  for (int i = 0; i < 10; ++i, hash /= kAlphabet.size()) text += kAlphabet[hash % kAlphabet.size()];
  return text;
}

}  // namespace spillway::sandbox
