#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "sandbox/store/json_path.h"
#include "sandbox/store/store.h"

// Source: apiserver pkg/registry/rest/delete.go BeforeDelete, registry/generic/registry/store.go Delete, and
// pkg/registry/core/pod/strategy.go CheckGracefulDelete.

namespace spillway::sandbox {
namespace {

ApiError Unmet(const Kind& kind, const Stored& current, std::string_view why) {
  ApiError error = Conflict(kind, kind.kind, current.name, why);
  error.details["kind"] = kind.kind;
  return error;
}

ApiStatus CheckPreconditions(const Kind& kind, const Stored& current, const DeleteOptions& options) {
  if (!options.uid.empty() && options.uid != current.uid) {
    return Refuse(
        Unmet(kind, current,
              fmt::format("the UID in the precondition ({}) does not match the UID in record ({}). The object "
                          "might have been deleted and then recreated",
                          options.uid, current.uid)));
  }
  if (!options.resource_version.empty() && options.resource_version != std::to_string(current.revision)) {
    return Refuse(
        Unmet(kind, current,
              fmt::format("the ResourceVersion in the precondition ({}) does not match the ResourceVersion in "
                          "record ({}). The object might have been modified",
                          options.resource_version, current.revision)));
  }
  return {};
}

// How long a Pod may take to stop: none if no kubelet has it, or if it has stopped.
std::int64_t PodGracePeriod(const Json& pod, const DeleteOptions& options) {
  const std::string phase = TextAt(pod, "status.phase");
  if (TextAt(pod, "spec.nodeName").empty() || phase == "Failed" || phase == "Succeeded") return 0;
  const std::int64_t own = IntAt(pod, "spec.terminationGracePeriodSeconds", 0);
  const std::int64_t period = options.grace_period_seconds.value_or(own);
  return period < 0 ? 1 : period;
}

}  // namespace

ApiResult<Json> Store::Delete(std::string_view resource, std::string_view ns, std::string_view name,
                              const DeleteOptions& options) {
  const Kind* kind = FindStorageKind(resource);
  if (!kind) return Refuse(UnknownPath());
  const StoredPtr current = etcd_.Get(*kind, kind->namespaced ? ns : "", name);
  if (!current) return Refuse(NotFound(*kind, name));
  if (auto checked = CheckPreconditions(*kind, *current, options); !checked) return Refuse(checked.error());
  Json object = Json::parse(current->json);
  if (kind->plural == "namespaces") return DeleteNamespace(std::move(object), options.dry_run);

  const bool marked = Find(object, "metadata.deletionTimestamp") != nullptr;
  std::int64_t grace = kind->plural == "pods" ? PodGracePeriod(object, options) : 0;
  if (marked) {
    const std::int64_t left = IntAt(object, "metadata.deletionGracePeriodSeconds", 0);
    // Only a shorter grace period may follow the first.
    if (left > 0 && (!options.grace_period_seconds || grace >= left)) return object;
  }
  const bool held_back = !ArrayAt(object, "metadata.finalizers").empty();
  if (grace > 0 || held_back) {
    if (marked && grace == 0 && IntAt(object, "metadata.deletionGracePeriodSeconds", 0) == 0) return object;
    return Mark(*kind, std::move(object), grace, options.dry_run);
  }
  if (options.dry_run) return object;
  if (kind->plural == "pods") {
    if (!marked) object["metadata"]["deletionTimestamp"] = Timestamp();
    object["metadata"]["deletionGracePeriodSeconds"] = 0;
  }
  const std::string uid = current->uid;
  Remove(*kind, object);
  if (options.orphan) Orphan(uid);
  return object;
}

Json Store::Mark(const Kind& kind, Json object, std::int64_t grace, bool dry_run) {
  Json& metadata = object["metadata"];
  // The time by which it should be gone: a shortened period counts from the first request.
  const auto first = base::ParseRfc3339(TextAt(metadata, "deletionTimestamp"));
  const auto asked =
      first ? *first - std::chrono::seconds(IntAt(metadata, "deletionGracePeriodSeconds", 0)) : runtime_.WallNow();
  if (!first && metadata.contains("generation")) {
    metadata["generation"] = IntAt(metadata, "generation", 0) + 1;
  }
  metadata["deletionTimestamp"] = base::FormatRfc3339(asked + std::chrono::seconds(grace));
  metadata["deletionGracePeriodSeconds"] = grace;
  if (!dry_run) Put(kind, object);
  return object;
}

void Store::Orphan(std::string_view uid) {
  for (const Json& dependent : DependentsOf(uid)) {
    const Kind& kind = *FindKindOf(TextAt(dependent, "apiVersion"), TextAt(dependent, "kind"));
    (void)Modify(kind.GroupResource(), TextAt(dependent, "metadata.namespace"), TextAt(dependent, "metadata.name"),
                 Part::kObject, [&](Json& object) {
                   auto& owners = object["metadata"]["ownerReferences"].get_ref<Json::array_t&>();
                   std::erase_if(owners, [&](const Json& owner) { return TextAt(owner, "uid") == uid; });
                   return true;
                 });
  }
}

ApiResult<Json> Store::DeleteNamespace(Json ns, bool dry_run) {
  const std::string name = TextAt(ns, "metadata.name");
  const Kind& kind = *FindKind("namespaces");
  if (name == "default" || name == "kube-system" || name == "kube-public") {
    return Refuse(Forbidden(kind, name, "this namespace may not be deleted"));
  }
  if (dry_run || Find(ns, "metadata.deletionTimestamp")) return ns;
  ns["metadata"]["deletionTimestamp"] = Timestamp();
  ns["status"]["phase"] = "Terminating";
  Put(kind, ns);
  // What kube-controller-manager's namespace controller does: empty it, then let it go.
  runtime_.Post([this, name, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    for (const Kind& each : AllKinds()) {
      if (!each.namespaced || &StorageOf(each) != &each) continue;
      std::vector<std::string> names;
      etcd_.ForEach(each, name, "", [&](const StoredPtr& object) {
        names.push_back(object->name);
        return true;
      });
      for (const std::string& object : names) (void)Delete(each.GroupResource(), name, object);
    }
    FinishNamespace(name);
  });
  return ns;
}

void Store::FinishNamespace(const std::string& name) {
  static const Kind& namespaces = *FindKind("namespaces");
  const StoredPtr ns = etcd_.Get(namespaces, "", name);
  if (!ns || ns->fields[0] != "Terminating") return;
  for (const Kind& each : AllKinds()) {
    bool is_empty = true;
    if (!each.namespaced) continue;
    etcd_.ForEach(each, name, "", [&](const StoredPtr&) { return is_empty = false; });
    if (!is_empty) return;
  }
  Json object = Json::parse(ns->json);
  etcd_.Remove(namespaces, Sealed(namespaces, object));
}

}  // namespace spillway::sandbox
