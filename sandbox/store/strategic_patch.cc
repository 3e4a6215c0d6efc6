#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/store/patch.h"

namespace spillway::sandbox {
namespace {

constexpr std::string_view kDirective = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kOrderPrefix = "$setElementOrder/";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList/";

// How a list field merges: by a key, as a set of primitives (empty key), or not at all (no entry).
// Field names are unambiguous across the served kinds, but for ports.
std::optional<std::string_view> MergeKey(std::string_view field, const Json& patch, const Json& current) {
  static const std::map<std::string_view, std::string_view> keys = {
      {"containers", "name"},
      {"initContainers", "name"},
      {"ephemeralContainers", "name"},
      {"volumes", "name"},
      {"env", "name"},
      {"volumeMounts", "mountPath"},
      {"volumeDevices", "devicePath"},
      {"imagePullSecrets", "name"},
      {"hostAliases", "ip"},
      {"topologySpreadConstraints", "topologyKey"},
      {"resourceClaims", "name"},
      {"schedulingGates", "name"},
      {"conditions", "type"},
      {"addresses", "type"},
      {"ownerReferences", "uid"},
      {"finalizers", ""},
      {"secrets", "name"},
      {"podIPs", "ip"},
      {"hostIPs", "ip"},
      {"drivers", "name"},
      {"webhooks", "name"},
  };
  if (field == "ports") {
    const auto names_container_port = [](const Json& list) {
      return std::any_of(list.begin(), list.end(), [](const Json& port) { return port.contains("containerPort"); });
    };
    return names_container_port(patch) || names_container_port(current) ? "containerPort" : "port";
  }
  const auto found = keys.find(field);
  if (found == keys.end()) return std::nullopt;
  return found->second;
}

bool IsDirectiveKey(std::string_view key) {
  return key == kDirective || key == kRetainKeys || key.starts_with(kOrderPrefix) || key.starts_with(kDeletePrefix);
}

// A new part of an object: as it is, without the directives and nulls that only make sense against something older. An
// element of a list that holds a directive is none. Source: removeDirectives().
Json WithoutDirectives(const Json& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& each : value) {
      if (each.is_object() && each.contains(kDirective.data())) continue;
      list.push_back(WithoutDirectives(each));
    }
    return list;
  }
  if (!value.is_object()) return value;
  Json clean = Json::object();
  for (const auto& [key, each] : value.items()) {
    if (!IsDirectiveKey(key) && !each.is_null()) clean[key] = WithoutDirectives(each);
  }
  return clean;
}

std::string DirectiveOf(const Json& object) {
  const auto found = object.is_object() ? object.find(kDirective.data()) : object.end();
  return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

class Merger {
 public:
  // Returns null for an object that the patch deletes.
  Json Object(Json current, const Json& patch) {
    const std::string directive = DirectiveOf(patch);
    if (directive == "replace") return WithoutDirectives(patch);
    if (directive == "delete") return nullptr;
    if (!directive.empty() && directive != "merge")
      Fail("unknown patch type: " + directive + " in map: " + patch.dump());
    if (!current.is_object()) current = Json::object();
    Json before = Json::object();
    for (const auto& [key, value] : patch.items()) {
      if (key.starts_with(kOrderPrefix) && before.empty()) before = current;
      if (key.starts_with(kDeletePrefix)) DeletePrimitives(current, key.substr(kDeletePrefix.size()), value);
    }
    for (const auto& [key, value] : patch.items()) {
      if (!IsDirectiveKey(key)) Field(current, key, value);
    }
    for (const auto& [key, order] : patch.items()) {
      if (key.starts_with(kOrderPrefix)) Reorder(current, key.substr(kOrderPrefix.size()), order, before);
    }
    if (const auto retain = patch.find(kRetainKeys.data()); retain != patch.end()) Retain(current, *retain);
    return current;
  }

  const std::optional<ApiError>& error() const { return error_; }

 private:
  void Field(Json& current, const std::string& key, const Json& value) {
    if (value.is_null()) {
      current.erase(key);
    } else if (value.is_object()) {
      const auto found = current.find(key);
      Json merged = Object(found == current.end() ? Json(nullptr) : *found, value);
      if (merged.is_null()) {
        current.erase(key);
      } else {
        current[key] = std::move(merged);
      }
    } else if (value.is_array()) {
      const auto found = current.find(key);
      const bool has_list = found != current.end() && found->is_array();
      const Json none = Json::array();
      const auto merge_key = MergeKey(key, value, has_list ? *found : none);
      if (!has_list) {
        current[key] = merge_key ? WithoutDirectives(value) : value;
      } else {
        current[key] = merge_key ? List(*found, value, *merge_key) : value;
      }
    } else {
      current[key] = value;
    }
  }

  Json List(Json current, Json patch, std::string_view merge_key) {
    const std::string key(merge_key);
    Json merged = key.empty() ? current : MergeByKey(current, patch, key);
    if (key.empty()) {
      for (const Json& each : patch) {
        if (std::find(merged.begin(), merged.end(), each) == merged.end()) merged.push_back(each);
      }
    }
    return InOrder(merged, patch, current, key);
  }

  // Deletes, replaces or merges; what is new comes last. Takes the directives out of `patch` and what they delete out
  // of `current`.
  Json MergeByKey(Json& current, Json& patch, const std::string& key) {
    Json plain = Json::array();
    bool replaces = false;
    for (const Json& each : patch) {
      const std::string directive = DirectiveOf(each);
      replaces = replaces || directive == "replace";
      if (!each.is_object() || (!each.contains(key) && directive != "replace")) {
        Fail("map: " + each.dump() + " does not contain declared merge key: " + key);
      } else if (directive == "delete") {
        std::erase_if(current.get_ref<Json::array_t&>(), [&](const Json& old) { return IsSame(old, each, key); });
      } else if (directive.empty()) {
        plain.push_back(each);
      }
    }
    patch = plain;
    if (replaces) return current = WithoutDirectives(plain);
    Json merged = current;
    for (const Json& each : plain) {
      const auto same = Position(merged, each, key);
      if (same == merged.size()) {
        merged.push_back(WithoutDirectives(each));
      } else {
        merged[same] = Object(merged[same], each);
      }
    }
    return merged;
  }

  // The elements that `patch` names come in its order, all others in that of `current`; of one of each, the other one
  // goes first only if it stood before in `current`. So what is new goes first of all. Source: normalizeElementOrder().
  static Json InOrder(const Json& merged, const Json& patch, const Json& current, const std::string& key) {
    std::vector<Json> named, others;
    for (const Json& each : merged) {
      (Position(patch, each, key) == patch.size() ? others : named).push_back(each);
    }
    const auto by = [&key](const Json& order) {
      return [&](const Json& a, const Json& b) { return Position(order, a, key) < Position(order, b, key); };
    };
    std::stable_sort(named.begin(), named.end(), by(patch));
    std::stable_sort(others.begin(), others.end(), by(current));
    Json list = Json::array();
    std::size_t next = 0;
    for (const Json& each : named) {
      const std::size_t place = Position(current, each, key);
      while (next < others.size() && place < current.size() && Position(current, others[next], key) < place) {
        list.push_back(others[next++]);
      }
      list.push_back(each);
    }
    for (; next < others.size(); ++next) list.push_back(others[next]);
    return list;
  }

  static bool IsSame(const Json& a, const Json& b, const std::string& key) {
    if (!a.is_object() || !b.is_object()) return a == b;
    const auto x = a.find(key);
    const auto y = b.find(key);
    if (x == a.end() || y == b.end() || *x != *y) return false;
    // The port's protocol is not part of the merge key upstream, but two ports may share a number.
    const char* second = key == "containerPort" ? "protocol" : nullptr;
    return !second || !a.contains(second) || !b.contains(second) || a[second] == b[second];
  }

  static std::size_t Position(const Json& list, const Json& element, const std::string& key) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const Json& old) { return IsSame(old, element, key); });
    return static_cast<std::size_t>(found - list.begin());
  }

  static void DeletePrimitives(Json& current, const std::string& field, const Json& gone) {
    const auto found = current.find(field);
    if (found == current.end() || !found->is_array() || !gone.is_array()) return;
    std::erase_if(found->get_ref<Json::array_t&>(),
                  [&](const Json& each) { return std::find(gone.begin(), gone.end(), each) != gone.end(); });
  }

  static void Reorder(Json& merged, const std::string& field, const Json& order, const Json& before) {
    const auto found = merged.find(field);
    if (found == merged.end() || !found->is_array() || !order.is_array()) return;
    const std::string key(MergeKey(field, order, *found).value_or(""));
    const auto old = before.find(field);
    *found = InOrder(*found, order, old != before.end() && old->is_array() ? *old : Json::array(), key);
  }

  static void Retain(Json& current, const Json& keys) {
    if (!keys.is_array()) return;
    for (auto each = current.begin(); each != current.end();) {
      each = std::find(keys.begin(), keys.end(), each.key()) == keys.end() ? current.erase(each) : std::next(each);
    }
  }

  void Fail(std::string why) {
    if (!error_) error_ = BareError(std::move(why));
  }

  std::optional<ApiError> error_;
};

}  // namespace

ApiResult<Json> StrategicMerge(Json current, const Json& patch) {
  Merger merger;
  Json merged = merger.Object(std::move(current), patch);
  if (merger.error()) return Refuse(*merger.error());
  if (merged.is_null()) merged = Json::object();
  return merged;
}

}  // namespace spillway::sandbox
