#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "sandbox/store/api_error.h"
#include "sandbox/store/etcd.h"

namespace spillway::sandbox {

enum class Part : std::uint8_t { kObject, kStatus };  // the object itself, or its /status subresource

enum class PatchType : std::uint8_t { kJson, kMerge, kStrategic, kApply };

struct ListOptions {
  std::string ns;  // empty: all namespaces
  std::string label_selector, field_selector;
};
struct WriteOptions {
  bool dry_run = false;
};
struct DeleteOptions {
  std::optional<std::int64_t> grace_period_seconds;
  std::string uid, resource_version;  // preconditions; empty for none
  bool orphan = false;                // propagationPolicy Orphan: dependents lose their owner reference
  bool dry_run = false;
};

struct WatchEvent {
  enum class Type : std::uint8_t { kAdded, kModified, kDeleted };
  Type type = Type::kAdded;
  Json object;
};

// The objects of the cluster with kube-apiserver's rules: defaults, validation, generations, optimistic concurrency,
// graceful deletion, binding, eviction. Both the REST layer (api_server.h) and the sandbox's own stand-ins work through
// it; for the latter it is a synchronous, in-process client that no fault disturbs. Loop thread only.
//
// `resource` is the plural: "pods", "deployments", "leases", or with its group: "deployments.apps". `ns` is empty for
// cluster-scoped kinds. Objects are whole JSON objects as kubectl shows them; apiVersion and kind may be left out on
// writes.
class Store {
 public:
  // Creates the namespaces default, kube-system, kube-public and kube-node-lease. `window`: see Etcd.
  Store(Runtime& runtime, std::size_t window);
  ~Store();

  ApiResult<Json> Get(std::string_view resource, std::string_view ns, std::string_view name) const;
  // In key order. Refused only for a bad selector.
  ApiResult<std::vector<Json>> List(std::string_view resource, const ListOptions& options = {}) const;
  // The object as stored: with uid, resourceVersion, creationTimestamp, defaults. metadata.namespace decides where;
  // "default" when absent.
  ApiResult<Json> Create(std::string_view resource, Json object, WriteOptions options = {});
  // A PUT: 409 when metadata.resourceVersion is set and not the current one. kObject leaves the status alone and
  // kStatus the spec, as upstream. Changes nothing (not even the resourceVersion) if the object stays equal.
  ApiResult<Json> Update(std::string_view resource, Json object, Part part = Part::kObject, WriteOptions options = {});
  ApiResult<Json> Patch(std::string_view resource, std::string_view ns, std::string_view name, PatchType type,
                        const Json& patch, Part part = Part::kObject, WriteOptions options = {});
  // Reads, lets `change` edit, writes: cannot conflict, since nothing runs in between. Return false from `change` to
  // write nothing; then the object comes back as it is.
  ApiResult<Json> Modify(std::string_view resource, std::string_view ns, std::string_view name, Part part,
                         const std::function<bool(Json&)>& change);
  // A Pod bound to a node is only marked (deletionTimestamp) until someone deletes it with grace period 0; finalizers
  // hold any object. Returns the object in its last or marked state.
  ApiResult<Json> Delete(std::string_view resource, std::string_view ns, std::string_view name,
                         const DeleteOptions& options = {});
  // POST pods/{name}/binding; `binding` is a v1 Binding: target.name, and metadata.uid and resourceVersion as
  // preconditions.
  ApiStatus Bind(std::string_view ns, std::string_view pod, const Json& binding, WriteOptions options = {});
  // POST pods/{name}/eviction; `eviction` may hold deleteOptions. 429 when a PodDisruptionBudget forbids it.
  ApiStatus Evict(std::string_view ns, std::string_view pod, const Json& eviction, WriteOptions options = {});
  // The autoscaling/v1 Scale of a Deployment, ReplicaSet or StatefulSet; SetScale writes spec.replicas.
  ApiResult<Json> GetScale(std::string_view resource, std::string_view ns, std::string_view name) const;
  ApiResult<Json> SetScale(std::string_view resource, const Json& scale, WriteOptions options = {});

  // Calls `on_event` for each object there is (kAdded), then for each change: every one, once, in order, each on a
  // later turn of the loop, until the Watch is destroyed (also from within `on_event`). Never expires.
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  std::unique_ptr<Watch> NewWatch(std::string_view resource, const ListOptions& options,
                                  std::function<void(const WatchEvent&)> on_event);

  // The general read-modify-write: `edit` gets the current object and returns the next one or a refusal.
  using Edit = std::function<ApiResult<Json>(const Json& current)>;
  ApiResult<Json> Transform(const Kind& kind, std::string_view ns, std::string_view name, Part part,
                            WriteOptions options, const Edit& edit);
  // Puts an object as it is, without defaults, validation or status rules: for snapshots and synthetic clusters. It
  // needs metadata.name and uid. Ignored when no such resource is served.
  void Load(std::string_view resource, Json object);
  // Of every kind, those that name `uid` as their owner.
  std::vector<Json> DependentsOf(std::string_view uid) const;

  Etcd& etcd() { return etcd_; }
  const Etcd& etcd() const { return etcd_; }
  Runtime& runtime() const { return runtime_; }

 private:
  ApiResult<Json> Replace(const Kind& kind, const Stored& current, Json next, Part part, WriteOptions options);
  ApiStatus CheckNamespace(const Kind& kind, std::string_view ns, std::string_view name) const;
  ApiStatus AdmitPod(Json& pod) const;
  void PrepareForCreate(const Kind& kind, Json& object);
  Json Mark(const Kind& kind, Json object, std::int64_t grace_period, bool dry_run);
  ApiResult<Json> DeleteNamespace(Json ns, bool dry_run);
  void FinishNamespace(const std::string& ns);
  void Orphan(std::string_view uid);
  ApiStatus ChargeBudget(std::string_view ns, const Json& pod, bool dry_run);
  // Stamps the next revision and puts it; the caller has checked everything.
  void Put(const Kind& kind, Json& object);
  void Remove(const Kind& kind, Json& object);
  Stored Sealed(const Kind& kind, Json& object);
  std::string NewUid();
  std::string NewSuffix();
  Json Timestamp() const;

  Runtime& runtime_;
  Etcd etcd_;
  std::uint32_t cluster_ips_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // posted work holds a weak reference
};

}  // namespace spillway::sandbox
