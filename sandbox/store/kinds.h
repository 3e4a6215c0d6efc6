#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spillway::sandbox {

// One kind of object and how the API serves it. To serve another kind, add a line to the table in kinds.cc: storage,
// watch, patches and discovery come with it; printer columns, defaults and rules live in tables*, defaults*,
// validation*.
struct Kind {
  std::string_view group, version, kind, plural, singular;
  bool namespaced = true;
  bool has_status = false;      // serves /status, and PUT on the object itself leaves the status alone
  bool has_scale = false;       // serves /scale
  bool has_generation = false;  // metadata.generation counts changes of spec
  bool put_creates = false;     // PUT makes an object that is not there
  bool put_needs_version = false;
  std::vector<std::string_view> short_names, categories;
  std::vector<std::string_view> fields;  // selectable fields, beside metadata.name and metadata.namespace

  std::string ApiVersion() const;     // "v1", "apps/v1"
  std::string GroupResource() const;  // "pods", "deployments.apps": how error messages name it
  std::string ListKind() const;       // "PodList"
};

const std::vector<Kind>& AllKinds();
// Null when no such resource is served. `group` is empty for core.
const Kind* FindKind(std::string_view group, std::string_view version, std::string_view plural);
// By "pods" or "deployments.apps"; of events, the core/v1 ones.
const Kind* FindKind(std::string_view resource);
// By apiVersion and kind of an object.
const Kind* FindKindOf(std::string_view api_version, std::string_view kind);
// Where objects of `kind` are kept: itself, but for events.k8s.io/v1 Events, which are kept as core/v1 Events.
const Kind& StorageOf(const Kind& kind);
// StorageOf what FindKind finds; null when no such resource is served.
const Kind* FindStorageKind(std::string_view resource);

}  // namespace spillway::sandbox
