#include "kube/api/decode.h"

#include <cstring>

#include "kube/api/decode_common.h"

namespace spillway::kube {
namespace {

using internal::Trail;
using internal::Value;

// simdjson reads up to 64 bytes past the end: a copy with room for them. Grows, never shrinks.
class PaddedBuffer {
 public:
  simdjson::padded_string_view Hold(std::string_view json) {
    if (capacity_ < json.size() + simdjson::SIMDJSON_PADDING) {
      capacity_ = json.size() + json.size() / 2 + simdjson::SIMDJSON_PADDING;
      bytes_.reset(new char[capacity_]);
    }
    if (!json.empty()) std::memcpy(bytes_.get(), json.data(), json.size());
    std::memset(bytes_.get() + json.size(), 0, simdjson::SIMDJSON_PADDING);
    return simdjson::padded_string_view(bytes_.get(), json.size(), capacity_);
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
};

// A parser with its input. One document at a time.
class Reader {
 public:
  // Calls take(key, value) for each field of the one object in `json`.
  template <typename Take>
  bool EachRootField(std::string_view json, Trail& trail, Take&& take) {
    auto document = parser_.iterate(buffer_.Hold(json));
    if (const auto error = document.error()) return trail.Fail(error);
    simdjson::ondemand::object root;
    if (const auto error = document.get_object().get(root)) {
      return error == simdjson::INCORRECT_TYPE ? trail.Fail("want an object") : trail.Fail(error);
    }
    if (!EachFieldOf(root, trail, std::forward<Take>(take))) return false;
    const char* rest = nullptr;
    if (!document.current_location().get(rest)) return trail.Fail("more than one JSON value");
    return true;
  }

 private:
  PaddedBuffer buffer_;
  simdjson::ondemand::parser parser_;
};

bool ReadRaw(Value& value, Trail& trail, std::string_view& out) {
  simdjson::ondemand::object object;
  if (value.get_object().get(object)) return trail.Fail("want an object");
  const auto error = object.raw_json().get(out);
  return !error || trail.Fail(error);
}

bool ReadListMeta(Value& value, Trail& trail, Decoder::ListHeader& header) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "resourceVersion") return Read(field, trail, header.resource_version);
    if (key == "continue") return Read(field, trail, header.continue_token);
    return true;
  });
}

}  // namespace

struct Decoder::Impl {
  Reader objects;     // Decode, DecodeIdentity
  Reader containers;  // lists and watch events: alive while their objects are decoded

  bool ReadFeatures(std::string_view json, std::vector<PodFeature>& features, std::vector<PodValue>& values,
                    Trail& trail) {
    return objects.EachRootField(json, trail, [&](std::string_view key, Value& value) {
      return key != "spec" || internal::ReadFeatures(value, trail, features, values);
    });
  }

  // Namespace, name, uid and resourceVersion as far as they can be had from whatever this is; whether there was
  // metadata.
  bool ReadIdentity(std::string_view json, ObjectMeta& meta, Trail& trail) {
    bool found = false;
    (void)objects.EachRootField(json, trail, [&](std::string_view key, Value& value) {
      if (key != "metadata") return true;
      found = true;
      return EachField(value, trail, [&](std::string_view inner, Value& field) {
        if (inner == "namespace") return Read(field, trail, meta.ns);
        if (inner == "name") return Read(field, trail, meta.name);
        if (inner == "uid") return Read(field, trail, meta.uid);
        if (inner == "resourceVersion") return Read(field, trail, meta.resource_version);
        return true;
      });
    });
    return found;
  }
};

Decoder::Decoder() : impl_(std::make_unique<Impl>()) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

template <typename T>
Result<T> Decoder::Decode(std::string_view json) {
  using Kind = internal::Kind<T>;
  T object;
  Trail trail;
  bool read = impl_->objects.EachRootField(json, trail, [&](std::string_view key, Value& value) {
    if (key == "metadata") return internal::Read(value, trail, object.metadata);
    return Kind::ReadField(key, value, trail, object);
  });
  if (read && object.metadata.name.empty()) read = trail.Fail("no metadata.name");
  // In a second pass, for in the first one nothing is known of the node yet, and most Pods have one.
  if constexpr (std::is_same_v<T, Pod>) {
    if (read && !object.is_bound() && !object.is_terminal()) {
      read = impl_->ReadFeatures(json, object.features, object.values, trail);
    }
  }
  if (read) return object;
  ObjectMeta identity;
  Trail ignored;
  (void)impl_->ReadIdentity(json, identity, ignored);
  const std::string name = identity.name.empty() ? "without a readable name" : identity.Key();
  return Fail(Code::kMalformed, fmt::format("{} {}: {}", Kind::kName, name, trail.Text()));
}

template Result<Pod> Decoder::Decode<Pod>(std::string_view);
template Result<Node> Decoder::Decode<Node>(std::string_view);
template Result<Namespace> Decoder::Decode<Namespace>(std::string_view);
template Result<ConfigMap> Decoder::Decode<ConfigMap>(std::string_view);
template Result<ObjectEvent> Decoder::Decode<ObjectEvent>(std::string_view);
template Result<PartialObject> Decoder::Decode<PartialObject>(std::string_view);
template Result<PersistentVolumeClaim> Decoder::Decode<PersistentVolumeClaim>(std::string_view);
template Result<PersistentVolume> Decoder::Decode<PersistentVolume>(std::string_view);
template Result<StorageClass> Decoder::Decode<StorageClass>(std::string_view);
template Result<CsiNode> Decoder::Decode<CsiNode>(std::string_view);
template Result<Service> Decoder::Decode<Service>(std::string_view);
template Result<ReplicationController> Decoder::Decode<ReplicationController>(std::string_view);
template Result<ReplicaSet> Decoder::Decode<ReplicaSet>(std::string_view);
template Result<StatefulSet> Decoder::Decode<StatefulSet>(std::string_view);
template Result<DeviceClass> Decoder::Decode<DeviceClass>(std::string_view);
template Result<CsiDriver> Decoder::Decode<CsiDriver>(std::string_view);
template Result<CsiStorageCapacity> Decoder::Decode<CsiStorageCapacity>(std::string_view);
template Result<VolumeAttachment> Decoder::Decode<VolumeAttachment>(std::string_view);

template <>
Result<RawObject> Decoder::Decode<RawObject>(std::string_view json) {
  Result<ObjectMeta> meta = DecodeIdentity(json);
  if (!meta) return Fail(std::move(meta).error());
  if (meta->name.empty()) return Fail(Code::kMalformed, "an object without metadata.name");
  return RawObject{*std::move(meta), std::string(json)};
}

Result<ObjectMeta> Decoder::DecodeIdentity(std::string_view json) {
  ObjectMeta meta;
  Trail trail;
  if (impl_->ReadIdentity(json, meta, trail)) return meta;
  const std::string why = trail.Text();
  return Fail(Code::kMalformed, why.empty() ? "an object without metadata" : why);
}

Result<std::vector<PodFeature>> Decoder::DecodeFeatures(std::string_view json) {
  std::vector<PodFeature> features;
  std::vector<PodValue> values;
  Trail trail;
  if (impl_->ReadFeatures(json, features, values, trail)) return features;
  return Fail(Code::kMalformed, fmt::format("Pod: {}", trail.Text()));
}

Result<Decoder::ListHeader> Decoder::DecodeListInto(std::string_view json, void* context,
                                                    void (*each)(void*, std::string_view)) {
  ListHeader header;
  std::vector<std::string_view> items;
  Trail trail;
  bool has_metadata = false;
  bool read = impl_->containers.EachRootField(json, trail, [&](std::string_view key, Value& value) {
    if (key == "kind") return internal::Read(value, trail, header.kind);
    if (key == "metadata") {
      has_metadata = true;
      return ReadListMeta(value, trail, header);
    }
    if (key != "items") return true;
    items.clear();
    return internal::EachItem(value, trail, [&](Value& item) { return ReadRaw(item, trail, items.emplace_back()); });
  });
  if (read && !has_metadata) read = trail.Fail("no metadata");
  if (read && !header.kind.ends_with("List")) read = trail.Fail(fmt::format("kind \"{}\" is not a List", header.kind));
  if (!read) return Fail(Code::kMalformed, fmt::format("list: {}", trail.Text()));
  for (const std::string_view item : items) each(context, item);
  return header;
}

Result<Decoder::WatchEvent> Decoder::DecodeWatchEvent(std::string_view line) {
  WatchEvent event;
  Trail trail;
  bool read = impl_->containers.EachRootField(line, trail, [&](std::string_view key, Value& value) {
    if (key == "type") return internal::Read(value, trail, event.type);
    if (key == "object") return ReadRaw(value, trail, event.raw);
    return true;
  });
  if (read && (event.type.empty() || event.raw.empty())) read = trail.Fail("neither type nor object may be missing");
  if (!read) return Fail(Code::kMalformed, fmt::format("watch event: {}", trail.Text()));
  return event;
}

}  // namespace spillway::kube
