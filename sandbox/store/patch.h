#pragma once

#include "sandbox/store/store.h"

namespace spillway::sandbox {

// What becomes of `current` under a patch. Pure.
//   kJson       RFC 6902
//   kMerge      RFC 7386
//   kStrategic  Kubernetes' own: lists merge by key (containers by name, conditions by type, ...), with the directives
//               $patch, $retainKeys, $setElementOrder and $deleteFromPrimitiveList
//   kApply      server-side apply without ownership of fields: merges like kStrategic, but knows no directives
//
// Source: apimachinery pkg/util/strategicpatch/patch.go and the patchMergeKey tags of k8s.io/api, v0.36.
ApiResult<Json> ApplyPatch(PatchType type, const Json& current, const Json& patch);

// Decodes what `patch` has made of an object of `kind`: 422 when it is none any more.
ApiStatus DecodePatched(const Kind& kind, Json& patched, const Json& patch);

ApiResult<Json> StrategicMerge(Json current, const Json& patch);

}  // namespace spillway::sandbox
