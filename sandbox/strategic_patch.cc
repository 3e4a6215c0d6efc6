#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/patch.h"

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
      {"taints", "key"},
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

// A new part of an object: as it is, without the directives and nulls that only make sense against something older.
Json WithoutDirectives(const Json& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& each : value) {
      if (each.is_object() && each.value(kDirective.data(), "") == "delete") continue;
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
    if (!directive.empty() && directive != "merge") Fail("unknown $patch \"" + directive + "\"");
    if (!current.is_object()) current = Json::object();
    for (const auto& [key, value] : patch.items()) {
      if (key.starts_with(kDeletePrefix)) DeletePrimitives(current, key.substr(kDeletePrefix.size()), value);
    }
    for (const auto& [key, value] : patch.items()) {
      if (!IsDirectiveKey(key)) Field(current, key, value);
    }
    for (const auto& [key, order] : patch.items()) {
      if (key.starts_with(kOrderPrefix)) Reorder(current, key.substr(kOrderPrefix.size()), order);
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
      current[key] = merge_key ? List(has_list ? *found : none, value, *merge_key) : value;
    } else {
      current[key] = value;
    }
  }

  Json List(Json current, const Json& patch, std::string_view merge_key) {
    if (merge_key.empty()) {
      for (const Json& each : patch) {
        if (std::find(current.begin(), current.end(), each) == current.end()) current.push_back(each);
      }
      return current;
    }
    for (const Json& each : patch) {
      if (DirectiveOf(each) == "replace") return ReplacedList(patch);
    }
    const std::string key(merge_key);
    for (const Json& each : patch) {
      if (!each.is_object() || !each.contains(key)) {
        Fail("map: " + each.dump() + " does not contain declared merge key: " + key);
        return current;
      }
      const auto same = Position(current, each, key);
      if (DirectiveOf(each) == "delete") {
        std::erase_if(current.get_ref<Json::array_t&>(), [&](const Json& old) { return IsSame(old, each, key); });
      } else if (same != current.size()) {
        current[same] = Object(current[same], each);
      } else {
        current.push_back(WithoutDirectives(each));
      }
    }
    return current;
  }

  // A list holding {"$patch": "replace"}: the other elements are the new list.
  static Json ReplacedList(const Json& patch) {
    Json list = Json::array();
    for (const Json& each : patch) {
      if (!(each.is_object() && each.size() == 1 && DirectiveOf(each) == "replace"))
        list.push_back(WithoutDirectives(each));
    }
    return list;
  }

  static bool IsSame(const Json& a, const Json& b, const std::string& key) {
    if (!a.is_object() || !b.is_object()) return a == b;
    const auto x = a.find(key);
    const auto y = b.find(key);
    if (x == a.end() || y == b.end() || *x != *y) return false;
    // The port's protocol is not part of the merge key upstream, but two ports may share a number; neither may two
    // taints of different effects be mixed up when both sides say which they mean.
    const char* second = key == "containerPort" ? "protocol" : key == "key" ? "effect" : nullptr;
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

  // Elements named in `order` come in that order; those it does not know (the server's own) keep their place relative
  // to what stood before them.
  static void Reorder(Json& current, const std::string& field, const Json& order) {
    const auto found = current.find(field);
    if (found == current.end() || !found->is_array() || !order.is_array()) return;
    const Json none = Json::array();
    const std::string key(MergeKey(field, order, *found).value_or(""));
    const auto rank = [&](const Json& element) { return Position(order, element, key); };
    std::vector<Json> known;
    for (const Json& each : *found) {
      if (rank(each) != order.size()) known.push_back(each);
    }
    std::stable_sort(known.begin(), known.end(), [&](const Json& a, const Json& b) { return rank(a) < rank(b); });
    auto next = known.begin();
    for (Json& each : *found) {
      if (rank(each) != order.size()) each = *next++;
    }
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
