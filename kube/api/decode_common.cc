#include "kube/api/decode_common.h"

#include "kube/api/decode.h"

namespace spillway::kube::internal {
namespace {

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// An error's quote of what was found stays short.
std::string Quote(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  return text.size() <= kLongest ? fmt::format("\"{}\"", text) : fmt::format("\"{}...\"", text.substr(0, kLongest));
}

bool Read(Value& value, Trail& trail, OwnerReference& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "apiVersion") return internal::Read(field, trail, out.api_version);
    if (key == "kind") return internal::Read(field, trail, out.kind);
    if (key == "name") return internal::Read(field, trail, out.name);
    if (key == "uid") return internal::Read(field, trail, out.uid);
    if (key == "controller") return internal::Read(field, trail, out.controller);
    return true;
  });
}

bool ReadAnnotations(Value& value, Trail& trail, StringMap& out) {
  out.clear();
  const bool read = EachField(value, trail, [&](std::string_view key, Value& field) {
    if (!KeepsAnnotation(key)) return true;
    return internal::Read(field, trail, out.emplace_back(key, std::string()).second);
  });
  SortByKey(out);
  return read;
}

}  // namespace

bool IsNull(Value& value) {
  bool is_null = false;
  return !value.is_null().get(is_null) && is_null;
}

bool ReadIs(Value& value, Trail& trail, std::string_view wanted, bool& out) {
  if (IsNull(value)) return true;
  std::string_view text;
  if (!ReadText(value, trail, text)) return false;
  out = text == wanted;
  return true;
}

bool ReadText(Value& value, Trail& trail, std::string_view& out) {
  const auto error = value.get_string().get(out);
  if (!error) return true;
  out = {};
  if (error != simdjson::INCORRECT_TYPE) return trail.Fail(error);
  return IsNull(value) || trail.Fail("want a string");
}

bool Read(Value& value, Trail& trail, std::string& out) {
  std::string_view text;
  const auto error = value.get_string().get(text);
  if (error == simdjson::INCORRECT_TYPE) return IsNull(value) || trail.Fail("want a string");
  if (error) return trail.Fail(error);
  out.assign(text);
  return true;
}

bool Read(Value& value, Trail& trail, bool& out) {
  if (IsNull(value)) return true;
  return !value.get_bool().get(out) || trail.Fail("want true or false");
}

bool Read(Value& value, Trail& trail, std::int32_t& out) {
  if (IsNull(value)) return true;
  std::int64_t wide = 0;
  if (value.get_int64().get(wide)) return trail.Fail("want a whole number");
  if (wide < std::numeric_limits<std::int32_t>::min() || wide > std::numeric_limits<std::int32_t>::max()) {
    return trail.Fail("out of the range of 32 bits");
  }
  out = static_cast<std::int32_t>(wide);
  return true;
}

bool Read(Value& value, Trail& trail, std::optional<std::int32_t>& out) {
  if (IsNull(value)) return true;
  std::int32_t number = 0;
  if (!Read(value, trail, number)) return false;
  out = number;
  return true;
}

bool Read(Value& value, Trail& trail, std::optional<WallTime>& out) {
  if (IsNull(value)) return true;
  std::string_view text;
  if (!ReadText(value, trail, text)) return false;
  out = base::ParseRfc3339(text);
  return out || trail.Fail(fmt::format("{} is not an RFC 3339 time", Quote(text)));
}

bool Read(Value& value, Trail& trail, Quantity& out) {
  if (IsNull(value)) return true;
  simdjson::ondemand::json_type type{};
  if (const auto error = value.type().get(type)) return trail.Fail(error);
  std::string_view text;
  if (type == simdjson::ondemand::json_type::number) {
    text = Trim(value.raw_json_token());
  } else if (type != simdjson::ondemand::json_type::string) {
    return trail.Fail("want a quantity");
  } else if (!ReadText(value, trail, text)) {
    return false;
  }
  const auto parsed = Quantity::Parse(Trim(text));
  if (!parsed) return trail.Fail(fmt::format("{} is not a quantity", Quote(text)));
  out = *parsed;
  return true;
}

bool Read(Value& value, Trail& trail, std::vector<std::string>& out) {
  out.clear();
  return EachItem(value, trail, [&](Value& item) { return Read(item, trail, out.emplace_back()); });
}

bool Read(Value& value, Trail& trail, StringMap& out) {
  out.clear();
  const bool read = EachField(value, trail, [&](std::string_view key, Value& field) {
    return Read(field, trail, out.emplace_back(key, std::string()).second);
  });
  SortByKey(out);
  return read;
}

bool Read(Value& value, Trail& trail, ResourceList& out) {
  out.clear();
  const bool read = EachField(value, trail, [&](std::string_view key, Value& field) {
    return Read(field, trail, out.emplace_back(key, Quantity()).second);
  });
  SortByKey(out);
  return read;
}

bool Read(Value& value, Trail& trail, ObjectMeta& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "namespace") return Read(field, trail, out.ns);
    if (key == "name") return Read(field, trail, out.name);
    if (key == "uid") return Read(field, trail, out.uid);
    if (key == "resourceVersion") return Read(field, trail, out.resource_version);
    if (key == "labels") return Read(field, trail, out.labels);
    if (key == "annotations") return ReadAnnotations(field, trail, out.annotations);
    if (key == "ownerReferences") {
      out.owner_references.clear();
      return EachItem(field, trail,
                      [&](Value& item) { return Read(item, trail, out.owner_references.emplace_back()); });
    }
    if (key == "creationTimestamp") return Read(field, trail, out.creation_timestamp);
    if (key == "deletionTimestamp") return Read(field, trail, out.deletion_timestamp);
    return true;
  });
}

}  // namespace spillway::kube::internal

namespace spillway::kube {

bool KeepsAnnotation(std::string_view key) {
  static constexpr std::string_view kPrefixes[] = {
      "spillway.io/",          "scheduling.x-k8s.io/", "kueue.x-k8s.io/", "cluster-autoscaler.kubernetes.io/",
      "autoscaling.x-k8s.io/", "karpenter.sh/",
  };
  static constexpr std::string_view kKeys[] = {
      "kubernetes.io/config.mirror",
      "controller.kubernetes.io/pod-deletion-cost",
      // Gang schedulers: Volcano under both of its names, YuniKorn.
      "scheduling.k8s.io/group-name",
      "scheduling.volcano.sh/group-name",
      "yunikorn.apache.org/task-group-name",
      // Switches of other clouds: Tencent's, Alibaba's, Huawei's, Volcengine's.
      "AUTO_SCALE_EKS",
      "LOCAL_REPLICAS",
      "alibabacloud.com/eci",
      "alibabacloud.com/burst-resource",
      "bursting.cci.io/burst-to-cci",
      "vke.volcengine.com/burst-to-vci",
      // Fixed addresses, which a virtual node cannot give.
      "tke.cloud.tencent.com/vpc-ip-claim-delete-policy",
      "eks.tke.cloud.tencent.com/static-ip",
      // Volume binding.
      "volume.beta.kubernetes.io/storage-class",
      "volume.kubernetes.io/selected-node",
      "pv.kubernetes.io/bind-completed",
      "storage.alpha.kubernetes.io/migrated-plugins",
  };
  return std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys) ||
         std::any_of(std::begin(kPrefixes), std::end(kPrefixes), [&](auto prefix) { return key.starts_with(prefix); });
}

}  // namespace spillway::kube
