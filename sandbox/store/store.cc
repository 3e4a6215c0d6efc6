#include "sandbox/store/store.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/time.h"
#include "sandbox/store/defaults.h"
#include "sandbox/store/json_path.h"
#include "sandbox/store/patch.h"
#include "sandbox/store/selectors.h"
#include "sandbox/store/validation.h"

namespace spillway::sandbox {
namespace {

Json Parsed(const Stored& object) { return Json::parse(object.json); }

constexpr std::string_view kModified =
    "the object has been modified; please apply your changes to the latest version and try again";

// What only the server writes; a client's idea of it is ignored.
void KeepServerMetadata(const Json& old, Json& next) {
  for (const char* field : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
                            "resourceVersion", "name", "namespace"}) {
    if (const Json* value = Find(old, std::string("metadata.") + field)) {
      next["metadata"][field] = *value;
    } else {
      next["metadata"].erase(field);
    }
  }
  next["apiVersion"] = old["apiVersion"];
  next["kind"] = old["kind"];
}

bool SpecChanged(const Kind& kind, const Json& old, const Json& next) {
  const Json none;
  const auto part = [&](const Json& object, std::string_view path) -> const Json& {
    const Json* found = Find(object, path);
    return found ? *found : none;
  };
  if (part(old, "spec") != part(next, "spec")) return true;
  return kind.plural == "deployments" && part(old, "metadata.annotations") != part(next, "metadata.annotations");
}

// What is not said of the status that the server has the word on.
void KeepOldStatus(const Json& old, Json& status) {
  if (const Json* quality = Find(old, "status.qosClass")) Default(status, "qosClass", *quality);
  if (const Json* seen = Find(old, "status.observedGeneration")) Default(status, "observedGeneration", *seen);
}

// A write of /status: `old` with the status of `next`, and what of the metadata may be written this way.
Json StatusOnly(const Kind& kind, const Json& old, Json next) {
  Json written = old;
  written["status"] = next.contains("status") ? std::move(next["status"]) : Json::object();
  if (kind.plural == "pods") KeepOldStatus(old, written["status"]);
  for (const char* field : {"labels", "annotations", "finalizers", "managedFields"}) {
    if (next["metadata"].contains(field)) {
      written["metadata"][field] = std::move(next["metadata"][field]);
    } else {
      written["metadata"].erase(field);
    }
  }
  return written;
}

bool IsHeldBack(const Json& object) { return !ArrayAt(object, "metadata.finalizers").empty(); }

}  // namespace

Store::Store(Runtime& runtime, std::size_t window) : runtime_(runtime), etcd_(window) {
  for (const char* name : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
    (void)Create("namespaces", {{"metadata", {{"name", name}}}});
  }
  const auto priority = [this](const char* name, std::int64_t value) {
    (void)Create("priorityclasses", {{"metadata", {{"name", name}}}, {"value", value}});
  };
  priority("system-cluster-critical", 2000000000);
  priority("system-node-critical", 2000001000);
}

Store::~Store() = default;

ApiResult<Json> Store::Get(std::string_view resource, std::string_view ns, std::string_view name) const {
  const Kind* kind = FindStorageKind(resource);
  if (!kind) return Refuse(UnknownPath());
  const StoredPtr found = etcd_.Get(*kind, ns, name);
  if (!found) return Refuse(NotFound(*kind, name));
  return Parsed(*found);
}

ApiResult<std::vector<Json>> Store::List(std::string_view resource, const ListOptions& options) const {
  const Kind* kind = FindStorageKind(resource);
  if (!kind) return Refuse(UnknownPath());
  const auto selector = Selector::Parse(*kind, options.label_selector, options.field_selector);
  if (!selector) return Refuse(selector.error());
  std::vector<Json> found;
  etcd_.ForEach(*kind, options.ns, "", [&](const StoredPtr& object) {
    if (selector->Matches(*object)) found.push_back(Parsed(*object));
    return true;
  });
  return found;
}

Stored Store::Sealed(const Kind& kind, Json& object) {
  object["metadata"]["resourceVersion"] = std::to_string(etcd_.next_revision());
  Stored stored{.ns = TextAt(object, "metadata.namespace"),
                .name = TextAt(object, "metadata.name"),
                .uid = TextAt(object, "metadata.uid"),
                .json = object.dump(-1, ' ', false, Json::error_handler_t::replace),
                .revision = etcd_.next_revision(),
                .fields = FieldsOf(kind, object)};
  stored.json.shrink_to_fit();
  kube::StringMap labels;
  if (const Json* given = Find(object, "metadata.labels"); given && given->is_object()) {
    for (const auto& [key, value] : given->items()) labels.emplace_back(key, value.get<std::string>());
  }
  stored.labels = etcd_.Intern(std::move(labels));
  for (const Json& owner : ArrayAt(object, "metadata.ownerReferences"))
    stored.owner_uids.push_back(TextAt(owner, "uid"));
  return stored;
}

void Store::Put(const Kind& kind, Json& object) { etcd_.Put(kind, Sealed(kind, object)); }

void Store::Remove(const Kind& kind, Json& object) {
  etcd_.Remove(kind, Sealed(kind, object));
  const std::string ns = TextAt(object, "metadata.namespace");
  if (!ns.empty()) FinishNamespace(ns);
}

std::string Store::NewUid() {
  const std::uint64_t a = runtime_.random().Next();
  const std::uint64_t b = runtime_.random().Next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff,
                     0x8000 | ((b >> 48) & 0x3fff), b & 0xffffffffffff);
}

std::string Store::NewSuffix() {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";  // upstream's: no vowels, no words
  std::string suffix;
  for (int i = 0; i < 5; ++i) suffix += kLetters[runtime_.random().Below(kLetters.size())];
  return suffix;
}

Json Store::Timestamp() const { return base::FormatRfc3339(runtime_.WallNow()); }

ApiResult<Json> Store::Create(std::string_view resource, Json object, WriteOptions options) {
  const Kind* kind = FindStorageKind(resource);
  if (!kind) return Refuse(UnknownPath());
  if (auto decoded = Decode(*kind, object); !decoded) return Refuse(decoded.error());
  object["apiVersion"] = kind->ApiVersion();
  object["kind"] = kind->kind;
  Json& metadata = ObjectAt(object, "metadata");
  if (!kind->namespaced) {
    metadata.erase("namespace");
  } else if (TextAt(metadata, "namespace").empty()) {
    metadata["namespace"] = "default";
  }
  const std::string ns = TextAt(metadata, "namespace");
  if (!TextAt(metadata, "resourceVersion").empty()) {
    return Refuse(BareError("resourceVersion should not be set on objects to be created"));
  }
  if (const std::string base = TextAt(metadata, "generateName"); !base.empty() && TextAt(metadata, "name").empty()) {
    do {
      metadata["name"] = base.substr(0, 58) + NewSuffix();
    } while (etcd_.Get(*kind, ns, TextAt(metadata, "name")));
  }
  for (const char* field : {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"}) {
    metadata.erase(field);
  }
  metadata["uid"] = NewUid();
  metadata["creationTimestamp"] = Timestamp();
  const std::string name = TextAt(metadata, "name");
  if (auto checked = CheckNamespace(*kind, ns, name); !checked) return Refuse(checked.error());
  PrepareForCreate(*kind, object);
  if (kind->plural == "pods") {
    if (auto admitted = AdmitPod(object); !admitted) return Refuse(admitted.error());
  }
  if (auto decoded = Decode(*kind, object); !decoded) return Refuse(decoded.error());  // with what was filled in
  if (const auto errors = ValidateCreate(*kind, object); !errors.empty()) return Refuse(Invalid(*kind, name, errors));
  if (etcd_.Get(*kind, ns, name)) return Refuse(AlreadyExists(*kind, name));
  if (options.dry_run) return object;
  Put(*kind, object);
  return object;
}

ApiResult<Json> Store::Update(std::string_view resource, Json object, Part part, WriteOptions options) {
  const Kind* kind = FindStorageKind(resource);
  if (!kind) return Refuse(UnknownPath());
  if (auto decoded = Decode(*kind, object); !decoded) return Refuse(decoded.error());
  std::string ns = kind->namespaced ? TextAt(object, "metadata.namespace") : "";
  if (kind->namespaced && ns.empty()) ns = "default";
  const std::string name = TextAt(object, "metadata.name");
  return Transform(*kind, ns, name, part, options, [&](const Json& current) -> ApiResult<Json> {
    const std::string uid = TextAt(object, "metadata.uid"), actual = TextAt(current, "metadata.uid");
    if (!uid.empty() && uid != actual) return Refuse(PreconditionFailed(*kind, ns, name, "UID", uid, actual));
    return std::move(object);
  });
}

ApiResult<Json> Store::Patch(std::string_view resource, std::string_view ns, std::string_view name, PatchType type,
                             const Json& patch, Part part, WriteOptions options) {
  const Kind* kind = FindStorageKind(resource);
  if (!kind) return Refuse(UnknownPath());
  return Transform(*kind, ns, name, part, options, [&](const Json& current) {
    auto patched = ApplyPatch(type, current, patch);
    if (!patched) return patched;
    if (auto decoded = DecodePatched(*kind, *patched, patch); !decoded) return ApiResult<Json>(Refuse(decoded.error()));
    return patched;
  });
}

ApiResult<Json> Store::Modify(std::string_view resource, std::string_view ns, std::string_view name, Part part,
                              const std::function<bool(Json&)>& change) {
  const Kind* kind = FindStorageKind(resource);
  if (!kind) return Refuse(UnknownPath());
  return Transform(*kind, ns, name, part, {}, [&](const Json& current) -> ApiResult<Json> {
    Json next = current;
    if (!change(next)) return current;
    return next;
  });
}

ApiResult<Json> Store::Transform(const Kind& kind, std::string_view ns, std::string_view name, Part part,
                                 WriteOptions options, const Edit& edit) {
  const StoredPtr current = etcd_.Get(kind, ns, name);
  if (!current) return Refuse(NotFound(kind, name));
  auto next = edit(Parsed(*current));
  if (!next) return next;
  if (auto shape = ValidateShape(kind, *next); !shape) return Refuse(shape.error());
  return Replace(kind, *current, std::move(*next), part, options);
}

ApiResult<Json> Store::Replace(const Kind& kind, const Stored& current, Json next, Part part, WriteOptions options) {
  const std::string version = TextAt(next, "metadata.resourceVersion");
  if (!version.empty() && version != std::to_string(current.revision)) {
    return Refuse(Conflict(kind, kind.GroupResource(), current.name, kModified));
  }
  const Json old = Parsed(current);
  std::vector<FieldError> errors = ValidateMetadataUpdate(old, next);
  ObjectAt(next, "metadata");
  KeepServerMetadata(old, next);
  if (part == Part::kStatus) {
    next = StatusOnly(kind, old, std::move(next));
  } else if (kind.has_status) {
    if (const Json* status = Find(old, "status")) {
      next["status"] = *status;
    } else {
      next.erase("status");
    }
  }
  ApplyDefaults(kind, next);
  for (FieldError& error :
       part == Part::kStatus ? ValidateStatusUpdate(kind, old, next) : ValidateUpdate(kind, old, next)) {
    errors.push_back(std::move(error));
  }
  if (!errors.empty()) return Refuse(Invalid(kind, current.name, errors));
  if (part == Part::kObject && kind.has_generation && SpecChanged(kind, old, next)) {
    next["metadata"]["generation"] = IntAt(old, "metadata.generation", 0) + 1;
  }
  if (next == old || options.dry_run) return next;
  const bool leaving = Find(next, "metadata.deletionTimestamp") &&
                       IntAt(next, "metadata.deletionGracePeriodSeconds", 0) == 0 && kind.plural != "namespaces";
  if (leaving && !IsHeldBack(next)) {
    Remove(kind, next);
  } else {
    Put(kind, next);
  }
  return next;
}

void Store::Load(std::string_view resource, Json object) {
  const Kind* kind = FindStorageKind(resource);
  if (!kind) return;
  object["apiVersion"] = kind->ApiVersion();
  object["kind"] = kind->kind;
  Put(*kind, object);
}

std::vector<Json> Store::DependentsOf(std::string_view uid) const {
  std::vector<Json> dependents;
  for (const Kind& kind : AllKinds()) {
    if (&StorageOf(kind) != &kind) continue;
    etcd_.ForEach(kind, "", "", [&](const StoredPtr& object) {
      const auto& owners = object->owner_uids;
      if (std::find(owners.begin(), owners.end(), uid) != owners.end()) dependents.push_back(Parsed(*object));
      return true;
    });
  }
  return dependents;
}

}  // namespace spillway::sandbox
