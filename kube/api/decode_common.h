#pragma once

#include <fmt/core.h>
#include <simdjson.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api/objects.h"
#include "kube/api/storage.h"
#include "kube/api/workloads.h"

// Shared by the decode_*.cc files and nobody else: simdjson stays in here.
//
// Every reader takes a value exactly once (On-Demand only goes forward), leaves its target alone on null, and returns
// false after telling the Trail what was wrong. Unknown fields are skipped unread; fields may come in any order.
namespace spillway::kube::internal {

using Value = simdjson::ondemand::value;

// What was wrong, and where: "spec.containers[1].name: want a string". The path is put together while a failure
// unwinds.
class Trail {
 public:
  // Always false.
  bool Fail(std::string_view what) {
    what_ = what;
    return false;
  }
  bool Fail(simdjson::error_code error) { return Fail(simdjson::error_message(error)); }

  bool InField(std::string_view key) {
    const std::string_view separator = path_.empty() || path_.front() == '[' ? "" : ".";
    path_ = fmt::format("{}{}{}", key, separator, path_);
    return false;
  }
  bool InItem(std::size_t index) {
    const std::string_view separator = path_.empty() || path_.front() == '[' ? "" : ".";
    path_ = fmt::format("[{}]{}{}", index, separator, path_);
    return false;
  }
  std::string Text() const { return path_.empty() ? what_ : fmt::format("{}: {}", path_, what_); }

 private:
  std::string path_, what_;
};

// Calls take(key, value) -> bool for each field.
template <typename Take>
bool EachFieldOf(simdjson::ondemand::object& object, Trail& trail, Take&& take) {
  for (auto field : object) {
    std::string_view key;
    if (const auto error = field.unescaped_key().get(key)) return trail.Fail(error);
    Value value = field.value();
    if (!take(key, value)) return trail.InField(key);
  }
  return true;
}

// Null counts as an object without fields.
template <typename Take>
bool EachField(Value& value, Trail& trail, Take&& take) {
  bool is_null = false;
  if (const auto error = value.is_null().get(is_null)) {
    if (error != simdjson::INCORRECT_TYPE) return trail.Fail(error);
  }
  if (is_null) return true;
  simdjson::ondemand::object object;
  if (const auto error = value.get_object().get(object)) {
    return error == simdjson::INCORRECT_TYPE ? trail.Fail("want an object") : trail.Fail(error);
  }
  return EachFieldOf(object, trail, std::forward<Take>(take));
}

// Calls take(value) -> bool for each item; null counts as no items.
template <typename Take>
bool EachItem(Value& value, Trail& trail, Take&& take) {
  bool is_null = false;
  if (const auto error = value.is_null().get(is_null)) {
    if (error != simdjson::INCORRECT_TYPE) return trail.Fail(error);
  }
  if (is_null) return true;
  simdjson::ondemand::array array;
  if (const auto error = value.get_array().get(array)) {
    return error == simdjson::INCORRECT_TYPE ? trail.Fail("want an array") : trail.Fail(error);
  }
  std::size_t index = 0;
  for (auto element : array) {
    Value item;
    if (const auto error = element.get(item)) return trail.Fail(error);
    if (!take(item)) return trail.InItem(index);
    ++index;
  }
  return true;
}

// Whether `value` is JSON null; false for one that is broken, which its reader will find.
bool IsNull(Value& value);

// Whether a string is exactly `wanted`; null leaves `out` alone.
bool ReadIs(Value& value, Trail& trail, std::string_view wanted, bool& out);
// Azure's disk kinds: only Managed, in any case, is one that CSI knows.
bool IsManagedAzureDisk(std::string_view kind);
// The text of a string; lives as long as the document. Null gives an empty one.
bool ReadText(Value& value, Trail& trail, std::string_view& out);
bool Read(Value& value, Trail& trail, std::string& out);
bool Read(Value& value, Trail& trail, bool& out);
bool Read(Value& value, Trail& trail, std::int32_t& out);
bool Read(Value& value, Trail& trail, std::optional<std::int32_t>& out);
bool Read(Value& value, Trail& trail, std::optional<WallTime>& out);
bool Read(Value& value, Trail& trail, Quantity& out);  // a string or a number
bool Read(Value& value, Trail& trail, std::vector<std::string>& out);
bool Read(Value& value, Trail& trail, StringMap& out);
bool Read(Value& value, Trail& trail, ResourceList& out);
bool Read(Value& value, Trail& trail, ObjectMeta& out);
// decode_selector.cc
bool Read(Value& value, Trail& trail, LabelRequirement& out);
bool Read(Value& value, Trail& trail, std::optional<LabelSelector>& out);
bool Read(Value& value, Trail& trail, NodeSelectorTerm& out);
bool Read(Value& value, Trail& trail, NodeSelector& out);
bool Read(Value& value, Trail& trail, Taint& out);
bool Read(Value& value, Trail& trail, Toleration& out);
// pod_features.cc: of a Pod's spec.
bool ReadFeatures(Value& spec, Trail& trail, std::vector<PodFeature>& features, std::vector<PodValue>& values);

// Appends each item of an array of objects that Read() knows.
template <typename T>
bool ReadList(Value& value, Trail& trail, std::vector<T>& out) {
  out.clear();
  return EachItem(value, trail, [&](Value& item) { return Read(item, trail, out.emplace_back()); });
}

// Sorts by key; of equal keys the last one read wins, as in Go.
template <typename T>
void SortByKey(std::vector<std::pair<std::string, T>>& map) {
  const auto not_before = [](const auto& a, const auto& b) { return a.first >= b.first; };
  if (std::adjacent_find(map.begin(), map.end(), not_before) == map.end()) return;
  std::stable_sort(map.begin(), map.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto equal = [](const auto& a, const auto& b) { return a.first == b.first; };
  const auto first = std::unique(map.rbegin(), map.rend(), equal);
  map.erase(map.begin(), first.base());
}

// One field of the root object. `metadata` is read by the caller.
template <typename T>
struct Kind;  // static constexpr name; static bool ReadField(std::string_view key, Value&, Trail&, T&)

template <>
struct Kind<Pod> {
  static constexpr std::string_view kName = "Pod";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, Pod& pod);
};
template <>
struct Kind<Node> {
  static constexpr std::string_view kName = "Node";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, Node& node);
};
template <>
struct Kind<Namespace> {
  static constexpr std::string_view kName = "Namespace";
  static bool ReadField(std::string_view, Value&, Trail&, Namespace&) { return true; }
};
template <>
struct Kind<ConfigMap> {
  static constexpr std::string_view kName = "ConfigMap";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, ConfigMap& map) {
    return key != "data" || Read(value, trail, map.data);
  }
};
template <>
struct Kind<ObjectEvent> {
  static constexpr std::string_view kName = "Event";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, ObjectEvent& event);
};
template <>
struct Kind<PartialObject> {
  static constexpr std::string_view kName = "object";
  static bool ReadField(std::string_view, Value&, Trail&, PartialObject&) { return true; }
};
template <>
struct Kind<PersistentVolumeClaim> {
  static constexpr std::string_view kName = "PersistentVolumeClaim";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, PersistentVolumeClaim& claim);
};
template <>
struct Kind<PersistentVolume> {
  static constexpr std::string_view kName = "PersistentVolume";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, PersistentVolume& volume);
};
template <>
struct Kind<StorageClass> {
  static constexpr std::string_view kName = "StorageClass";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, StorageClass& storage_class);
};
template <>
struct Kind<CsiNode> {
  static constexpr std::string_view kName = "CSINode";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, CsiNode& node);
};
template <>
struct Kind<CsiDriver> {
  static constexpr std::string_view kName = "CSIDriver";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, CsiDriver& driver);
};
template <>
struct Kind<CsiStorageCapacity> {
  static constexpr std::string_view kName = "CSIStorageCapacity";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, CsiStorageCapacity& capacity);
};
template <>
struct Kind<VolumeAttachment> {
  static constexpr std::string_view kName = "VolumeAttachment";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, VolumeAttachment& attachment);
};

template <>
struct Kind<Service> {
  static constexpr std::string_view kName = "Service";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, Service& service);
};
template <>
struct Kind<ReplicationController> {
  static constexpr std::string_view kName = "ReplicationController";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, ReplicationController& controller);
};
template <>
struct Kind<ReplicaSet> {
  static constexpr std::string_view kName = "ReplicaSet";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, ReplicaSet& set);
};
template <>
struct Kind<StatefulSet> {
  static constexpr std::string_view kName = "StatefulSet";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, StatefulSet& set);
};
template <>
struct Kind<DeviceClass> {
  static constexpr std::string_view kName = "DeviceClass";
  static bool ReadField(std::string_view key, Value& value, Trail& trail, DeviceClass& device_class);
};

}  // namespace spillway::kube::internal
