#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// RFC 6902 patches that only add.
namespace spillway::webhook {

using Json = nlohmann::json;

// "/spec/tolerations": each step escaped.
std::string PointerTo(std::initializer_list<std::string_view> steps);

class JsonPatch {
 public:
  // Sets a member: the object that holds it must be there, in the document or by an operation before.
  void Set(std::string pointer, Json value);
  // At the end of the list there; makes one where `list`, what stands there, is none yet.
  void Append(std::string pointer, const Json& list, Json value);

  bool empty() const { return operations_.empty(); }
  const Json& operations() const { return operations_; }

 private:
  Json operations_ = Json::array();
};

}  // namespace spillway::webhook
