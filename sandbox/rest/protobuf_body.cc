#include "sandbox/rest/protobuf_body.h"

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/base64.h"
#include "sandbox/rest/protobuf_schema.h"
#include "sandbox/store/json_path.h"

namespace spillway::sandbox {
namespace {

constexpr std::string_view kMagic("k8s\0", 4);
constexpr int kDeepest = 32;

ApiError Unsupported(std::string why) {
  return {415, "UnsupportedMediaType",
          "the body of the request was in an unknown format - accepted media types include: application/json; in "
          "protobuf, " +
              std::move(why),
          Json::object()};
}

// One field as it stands on the wire: a number, or bytes.
struct WireField {
  std::uint32_t number = 0;
  bool is_bytes = false;
  std::uint64_t value = 0;
  std::string_view bytes;
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }

  std::optional<WireField> Next() {
    const auto tag = Varint();
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > 0x1fffffff) return std::nullopt;
    WireField field{.number = static_cast<std::uint32_t>(*tag >> 3)};
    const auto value = Varint();
    if (!value) return std::nullopt;
    field.value = *value;
    if ((*tag & 7) == 0) return field;
    if ((*tag & 7) != 2 || *value > rest_.size()) return std::nullopt;  // Kubernetes uses no fixed-width fields here
    field.is_bytes = true;
    field.bytes = rest_.substr(0, *value);
    rest_.remove_prefix(*value);
    return field;
  }

 private:
  std::optional<std::uint64_t> Varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  std::string_view rest_;
};

using Type = ProtobufField::Type;

class Decoder {
 public:
  std::optional<Json> Message(std::string_view name, std::string_view bytes, int depth) {
    if (depth > kDeepest) return Fail("messages nest too deeply");
    Json object = Json::object();
    WireReader reader(bytes);
    while (!reader.at_end()) {
      const auto wire = reader.Next();
      if (!wire) return Fail(fmt::format("{} is cut short or malformed", name));
      const ProtobufField* field = FindProtobufField(name, wire->number);
      if (!field) return Fail(fmt::format("field {} of {} is not understood here; send JSON", wire->number, name));
      if (!Add(object, *field, *wire, depth)) return std::nullopt;
    }
    return object;
  }
  const std::string& why() const { return why_; }

 private:
  std::nullopt_t Fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return std::nullopt;
  }

  static bool WantsBytes(const ProtobufField& field) {
    return field.map || (field.type != Type::kInt && field.type != Type::kBool);
  }

  bool Add(Json& object, const ProtobufField& field, const WireField& wire, int depth) {
    if (wire.is_bytes != WantsBytes(field)) {
      Fail(fmt::format("{} has the wrong wire type", field.name));
      return false;
    }
    if (field.map) return AddEntry(object[field.name], field, wire.bytes, depth);
    auto value = Value(field, wire, depth);
    if (!value) return false;
    if (field.repeated) {
      object[field.name].push_back(std::move(*value));
    } else if (!value->is_null() && (field.optional || !IsZero(*value))) {
      object[field.name] = std::move(*value);
    }
    return true;
  }

  // What Go's omitempty leaves out. Empty messages stay: they may be pointers that are set.
  static bool IsZero(const Json& value) {
    return (value.is_string() && value.get_ref<const std::string&>().empty()) || (value.is_number() && value == 0) ||
           (value.is_boolean() && value == false);
  }

  bool AddEntry(Json& map, const ProtobufField& field, std::string_view bytes, int depth) {
    std::string key;
    Json value = field.type == Type::kQuantity ? Json("0") : Json("");
    WireReader reader(bytes);
    while (!reader.at_end()) {
      const auto wire = reader.Next();
      if (!wire || !wire->is_bytes) {
        Fail(fmt::format("an entry of {} is malformed", field.name));
        return false;
      }
      if (wire->number == 1) key = std::string(wire->bytes);
      if (wire->number != 2) continue;
      auto read = Value(field, *wire, depth);
      if (!read) return false;
      value = std::move(*read);
    }
    if (!map.is_object()) map = Json::object();
    map[key] = std::move(value);
    return true;
  }

  // Null: ignored.
  std::optional<Json> Value(const ProtobufField& field, const WireField& wire, int depth) {
    switch (field.type) {
      case Type::kText:
        return Json(std::string(wire.bytes));
      case Type::kBytes:
        return Json(EncodeBase64(wire.bytes));
      case Type::kInt:
        return Json(static_cast<std::int64_t>(wire.value));
      case Type::kBool:
        return Json(wire.value != 0);
      case Type::kIgnored:
        return Json(nullptr);
      case Type::kQuantity:
        return Only(wire.bytes, 1);
      case Type::kIntOrString:
        return IntOrString(wire.bytes);
      case Type::kMessage:
        return Message(field.message, wire.bytes, depth + 1);
    }
    return std::nullopt;
  }

  // The text in field `number` of a message.
  std::optional<Json> Only(std::string_view bytes, std::uint32_t number) {
    std::string text;
    WireReader reader(bytes);
    while (!reader.at_end()) {
      const auto wire = reader.Next();
      if (!wire) return Fail("a quantity is malformed");
      if (wire->number == number && wire->is_bytes) text = std::string(wire->bytes);
    }
    return Json(std::move(text));
  }

  std::optional<Json> IntOrString(std::string_view bytes) {
    std::uint64_t type = 0;
    std::int64_t number = 0;
    std::string text;
    WireReader reader(bytes);
    while (!reader.at_end()) {
      const auto wire = reader.Next();
      if (!wire) return Fail("an IntOrString is malformed");
      if (wire->number == 1) type = wire->value;
      if (wire->number == 2) number = static_cast<std::int64_t>(wire->value);
      if (wire->number == 3) text = std::string(wire->bytes);
    }
    return type == 1 ? Json(std::move(text)) : Json(number);
  }

  std::string why_;
};

}  // namespace

ApiResult<Json> DecodeProtobuf(std::string_view body) {
  if (!body.starts_with(kMagic)) return Refuse(BadRequest("the body is not Kubernetes protobuf"));
  std::string api_version, kind;
  std::string_view raw;
  WireReader envelope(body.substr(kMagic.size()));
  while (!envelope.at_end()) {
    const auto wire = envelope.Next();
    if (!wire) return Refuse(BadRequest("the protobuf envelope is cut short or malformed"));
    if (wire->number == 2 && wire->is_bytes) raw = wire->bytes;
    if (wire->number != 1 || !wire->is_bytes) continue;
    WireReader type(wire->bytes);
    while (!type.at_end()) {
      const auto part = type.Next();
      if (!part) return Refuse(BadRequest("the type in the protobuf envelope is malformed"));
      if (part->number == 1) api_version = std::string(part->bytes);
      if (part->number == 2) kind = std::string(part->bytes);
    }
  }
  if (!KnowsProtobufMessage(kind))
    return Refuse(Unsupported(fmt::format("{} {} is not understood here", api_version, kind)));
  Decoder decoder;
  auto object = decoder.Message(kind, raw, 0);
  if (!object) return Refuse(Unsupported(decoder.why()));
  (*object)["apiVersion"] = api_version;
  (*object)["kind"] = kind;
  return std::move(*object);
}

}  // namespace spillway::sandbox
