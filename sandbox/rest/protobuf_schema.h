#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace spillway::sandbox {

// One field of a protobuf message, and how it reads in JSON.
struct ProtobufField {
  enum class Type : std::uint8_t { kText, kBytes, kInt, kBool, kQuantity, kIntOrString, kIgnored, kMessage };
  std::string name;
  Type type = Type::kText;
  std::string message;  // of kMessage
  bool repeated = false;
  bool map = false;       // of strings to `type`
  bool optional = false;  // zero is a value, not an absence
};

// Null when the message is not known, or has no such field.
const ProtobufField* FindProtobufField(std::string_view message, std::uint32_t number);
bool KnowsProtobufMessage(std::string_view message);

}  // namespace spillway::sandbox
