#include "sandbox/store/patch.h"

#include "sandbox/store/validation.h"

namespace spillway::sandbox {
namespace {

ApiResult<Json> JsonPatch(const Json& current, const Json& patch) {
  if (!patch.is_array())
    return Refuse(
        BadRequest("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch"));
  try {
    return current.patch(patch);
  } catch (const Json::exception&) {
    return Refuse(
        ApiError{422, "Invalid", "the server rejected our request due to an error in our request", Json::object()});
  }
}

}  // namespace

ApiResult<Json> ApplyPatch(PatchType type, const Json& current, const Json& patch) {
  if (type == PatchType::kJson) return JsonPatch(current, patch);
  if (!patch.is_object()) return Refuse(BadRequest("error decoding patch: the patch must be an object"));
  if (type == PatchType::kStrategic || type == PatchType::kApply) return StrategicMerge(current, patch);
  Json merged = current;
  merged.merge_patch(patch);
  return merged;
}

ApiStatus DecodePatched(const Kind& kind, Json& patched, const Json& patch) {
  const auto decoded = Decode(kind, patched);
  if (decoded) return {};
  static const Kind none{};
  ApiError error = Invalid(none, "", {FieldInvalid("patch", patch.dump(), decoded.error().message)});
  error.details.erase("kind");
  return Refuse(std::move(error));
}

}  // namespace spillway::sandbox
