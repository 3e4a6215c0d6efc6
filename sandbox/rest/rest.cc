#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/rest/api_core.h"
#include "sandbox/rest/node_restriction.h"
#include "sandbox/store/json_path.h"
#include "sandbox/store/patch.h"
#include "sandbox/store/validation.h"
#include "sandbox/views/event_conversion.h"

namespace spillway::sandbox {
namespace {

bool IsConverted(const Kind& kind) { return &StorageOf(kind) != &kind; }
Json ToStored(const Kind& kind, Json object) { return IsConverted(kind) ? EventToCore(std::move(object)) : object; }
Json FromStored(const Kind& kind, Json object) { return IsConverted(kind) ? EventFromCore(std::move(object)) : object; }

// What the store says of core/v1 Events, of the Events that were asked for.
ApiError InNameOf(const Kind& kind, ApiError error) {
  const std::string kept = StorageOf(kind).GroupResource() + " \"";
  const std::size_t at = error.message.find(kept);
  if (!IsConverted(kind) || at == std::string::npos || (error.code != 404 && error.code != 409)) return error;
  error.message.replace(at, kept.size(), kind.GroupResource() + " \"");
  error.details["group"] = kind.group;
  return error;
}

net::ServerResponse AnswerWith(Store& store, const RestRequest& request, int status, const ApiResult<Json>& object) {
  if (!object) return ErrorResponse(InNameOf(*request.kind, object.error()));
  const auto representation =
      Representation::Choose(*request.kind, request.accept, request.Param("includeObject"), store.runtime().WallNow());
  if (!representation) return ErrorResponse(representation.error());
  return JsonResponse(status, representation->One(*object));
}

std::optional<PatchType> PatchTypeOf(const std::string& content_type) {
  const std::string type = content_type.substr(0, content_type.find(';'));
  if (type == "application/json-patch+json") return PatchType::kJson;
  if (type == "application/merge-patch+json") return PatchType::kMerge;
  if (type == "application/strategic-merge-patch+json") return PatchType::kStrategic;
  if (type == "application/apply-patch+yaml") return PatchType::kApply;
  return std::nullopt;
}

// The name and namespace in the body must be those of the URL, where given.
ApiStatus CheckPlace(const RestRequest& request, Json& object) {
  if (!object.is_object()) return ValidateShape(*request.kind, object);
  const std::string ns = TextAt(object, "metadata.namespace");
  if (request.kind->namespaced) {
    if (!ns.empty() && ns != request.ns) {
      return Refuse(
          BadRequest(fmt::format("the namespace of the provided object does not match the namespace sent on the "
                                 "request")));
    }
    ObjectAt(object, "metadata")["namespace"] = request.ns;
  }
  if (request.name.empty()) return {};
  const std::string name = TextAt(object, "metadata.name");
  if (!name.empty() && name != request.name) {
    return Refuse(BadRequest(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name, request.name)));
  }
  ObjectAt(object, "metadata")["name"] = request.name;
  return {};
}

ApiStatus CheckKindOf(const RestRequest& request, const Json& object) {
  if (!object.is_object()) return {};
  const std::string version = TextAt(object, "apiVersion");
  const std::string kind = TextAt(object, "kind");
  if ((version.empty() || version == request.kind->ApiVersion()) && (kind.empty() || kind == request.kind->kind))
    return {};
  return Refuse(
      BadRequest(fmt::format("the API version in the data ({}/{}) does not match the expected API version ({}/{})",
                             version, kind, request.kind->ApiVersion(), request.kind->kind)));
}

ApiResult<Json> ReadObject(const RestRequest& request) {
  auto body = BodyOf(request);
  if (!body) return body;
  if (auto checked = CheckKindOf(request, *body); !checked) return Refuse(checked.error());
  if (auto checked = ValidateShape(*request.kind, *body); !checked) return Refuse(checked.error());
  if (auto checked = CheckPlace(request, *body); !checked) return Refuse(checked.error());
  Json object = ToStored(*request.kind, std::move(*body));
  if (auto decoded = Decode(StorageOf(*request.kind), object); !decoded) return Refuse(decoded.error());
  return object;
}

WriteOptions OptionsOf(const RestRequest& request) { return {.dry_run = request.is_dry_run()}; }

// Until the node controller finds it ready. Source: plugin/pkg/admission/nodetaint.
void TaintAsNotReady(Json& node) {
  const std::string key = "node.kubernetes.io/not-ready", effect = "NoSchedule";
  Json& taints = ObjectAt(node, "spec")["taints"];
  if (!taints.is_array()) taints = Json::array();
  const bool has_it = std::any_of(taints.begin(), taints.end(), [&](const Json& each) {
    return TextAt(each, "key") == key && TextAt(each, "effect") == effect;
  });
  if (!has_it) taints.push_back({{"key", key}, {"effect", effect}});
}

net::ServerResponse ServeCreated(Store& store, const RestRequest& request, Json object) {
  if (auto allowed = RestrictCreate(store, request, object); !allowed) return ErrorResponse(allowed.error());
  if (request.kind->plural == "nodes") TaintAsNotReady(object);
  if (IsConverted(*request.kind)) {
    if (const auto errors = ValidateStrictEvent(object); !errors.empty()) {
      return ErrorResponse(Invalid(StorageOf(*request.kind), TextAt(object, "metadata.name"), errors));
    }
  }
  return AnswerWith(store, request, 201,
                    store.Create(request.kind->GroupResource(), std::move(object), OptionsOf(request)));
}

net::ServerResponse ServeCreate(Store& store, const RestRequest& request) {
  if (request.kind->namespaced && request.ns.empty()) return ErrorResponse(MethodNotAllowed());
  auto object = ReadObject(request);
  return object ? ServeCreated(store, request, std::move(*object)) : ErrorResponse(object.error());
}

Part PartOf(const RestRequest& request) { return request.subresource == "status" ? Part::kStatus : Part::kObject; }

net::ServerResponse ServeUpdate(Store& store, const RestRequest& request) {
  auto object = ReadObject(request);
  if (!object) return ErrorResponse(object.error());
  const std::string version = TextAt(*object, "metadata.resourceVersion"), uid = TextAt(*object, "metadata.uid");
  const bool exists = store.etcd().Get(StorageOf(*request.kind), request.ns, request.name) != nullptr;
  if (!exists && request.kind->put_creates) {
    if (!uid.empty()) return ErrorResponse(PreconditionFailed(*request.kind, request.ns, request.name, "UID", uid, ""));
    (*object)["metadata"].erase("resourceVersion");
    return ServeCreated(store, request, std::move(*object));
  }
  if (exists && request.kind->put_needs_version && version.empty()) {
    ApiError error = Invalid(*request.kind, request.name,
                             {FieldInvalid("metadata.resourceVersion", 0, "must be specified for an update")});
    error.message.replace(0, error.message.find(' '), request.kind->GroupResource());
    error.details["kind"] = request.kind->plural;
    return ErrorResponse(error);
  }
  if (exists) {
    const auto current = store.Get(request.kind->GroupResource(), request.ns, request.name);
    if (auto allowed = RestrictUpdate(request, *current, *object); !allowed) return ErrorResponse(allowed.error());
  }
  return AnswerWith(
      store, request, 200,
      store.Update(request.kind->GroupResource(), std::move(*object), PartOf(request), OptionsOf(request)));
}

// What `patch` makes of the stored object, if the user may.
ApiResult<Json> NextOf(const RestRequest& request, PatchType type, const Json& current, const Json& patch) {
  const Kind& kind = *request.kind;
  const Kind& kept = StorageOf(kind);
  auto patched = ApplyPatch(type, FromStored(kind, current), patch);
  if (!patched) return patched;
  Json next = ToStored(kind, std::move(*patched));
  if (auto decoded = DecodePatched(kept, next, patch); !decoded) return Refuse(decoded.error());
  if (auto placed = CheckPlace(request, next); !placed) return Refuse(placed.error());
  if (auto allowed = RestrictUpdate(request, current, next); !allowed) return Refuse(allowed.error());
  if (!IsConverted(kind)) return next;
  const auto errors = ValidateStrictEventUpdate(current, next);
  if (!errors.empty()) return Refuse(Invalid(kept, request.name, errors));
  return next;
}

net::ServerResponse ServePatch(Store& store, const RestRequest& request) {
  const auto type = PatchTypeOf(request.content_type);
  if (!type) {
    return ErrorResponse(ApiError{415, "UnsupportedMediaType",
                                  "the body of the request was in an unknown format - accepted media types include: "
                                  "application/json-patch+json, application/merge-patch+json, "
                                  "application/strategic-merge-patch+json, application/apply-patch+yaml",
                                  Json::object()});
  }
  RestRequest as_json = request;
  as_json.content_type = "application/json";
  auto patch = BodyOf(as_json);
  if (!patch) return ErrorResponse(patch.error());
  const Kind& kind = *request.kind;
  const Kind& kept = StorageOf(kind);
  if (type == PatchType::kApply && !store.etcd().Get(kept, request.ns, request.name)) {
    if (request.Param("fieldManager").empty())
      return ErrorResponse(BadRequest(
          "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"));
    auto object = ReadObject(as_json);
    if (!object) return ErrorResponse(object.error());
    return AnswerWith(store, request, 201, store.Create(kept.GroupResource(), std::move(*object), OptionsOf(request)));
  }
  return AnswerWith(store, request, 200,
                    store.Transform(kept, request.ns, request.name, PartOf(request), OptionsOf(request),
                                    [&](const Json& current) { return NextOf(request, *type, current, *patch); }));
}

net::ServerResponse ServeDelete(Store& store, const RestRequest& request) {
  const auto options = ReadDeleteOptions(request);
  if (!options) return ErrorResponse(options.error());
  const Kind& kept = StorageOf(*request.kind);
  if (auto allowed = RestrictDelete(store, request); !allowed) return ErrorResponse(allowed.error());
  auto deleted = store.Delete(kept.GroupResource(), request.ns, request.name, *options);
  if (!deleted) return ErrorResponse(deleted.error());
  const bool gone = !store.etcd().Get(kept, request.ns, request.name);
  if (!gone || kept.plural == "pods") return AnswerWith(store, request, 200, deleted);
  Json details = {{"name", request.name}, {"kind", kept.plural}, {"uid", TextAt(*deleted, "metadata.uid")}};
  if (!kept.group.empty()) details["group"] = kept.group;
  const Json status = {{"kind", "Status"},
                       {"apiVersion", "v1"},
                       {"metadata", Json::object()},
                       {"status", "Success"},
                       {"details", std::move(details)}};
  return JsonResponse(200, status.dump());
}

net::ServerResponse ServeDeleteCollection(Store& store, const RestRequest& request) {
  const auto options = ReadDeleteOptions(request);
  if (!options) return ErrorResponse(options.error());
  const Kind& kept = StorageOf(*request.kind);
  const auto selector = Selector::Parse(*request.kind, request.Param("labelSelector"), request.Param("fieldSelector"));
  if (!selector) return ErrorResponse(selector.error());
  std::vector<StoredPtr> doomed;
  store.etcd().ForEach(kept, request.ns, "", [&](const StoredPtr& object) {
    if (selector->Matches(*object)) doomed.push_back(object);
    return true;
  });
  for (const StoredPtr& object : doomed) {
    auto deleted = store.Delete(kept.GroupResource(), object->ns, object->name, *options);
    if (!deleted && deleted.error().code != 404) return ErrorResponse(deleted.error());
  }
  const auto representation = Representation::Choose(*request.kind, request.accept, "", store.runtime().WallNow());
  if (!representation) return ErrorResponse(representation.error());
  return JsonResponse(200, representation->List(doomed, ListMetadata{.revision = store.etcd().revision()}));
}

}  // namespace

net::ServerResponse JsonResponse(int status, std::string body) {
  net::ServerResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

net::ServerResponse ErrorResponse(const ApiError& error) {
  net::ServerResponse response = JsonResponse(error.code, ToStatus(error).dump());
  if (error.retry_after_seconds > 0)
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after_seconds));
  return response;
}

ApiResult<DeleteOptions> ReadDeleteOptions(const RestRequest& request) {
  Json body = Json::object();
  if (!request.body.empty()) {
    auto parsed = BodyOf(request);
    if (!parsed) return Refuse(parsed.error());
    if (parsed->is_object()) body = std::move(*parsed);
  }
  DeleteOptions options{.uid = TextAt(body, "preconditions.uid"),
                        .resource_version = TextAt(body, "preconditions.resourceVersion"),
                        .orphan = TextAt(body, "propagationPolicy") == "Orphan" || IsTrueAt(body, "orphanDependents") ||
                                  request.Param("propagationPolicy") == "Orphan",
                        .dry_run = request.is_dry_run() || !ArrayAt(body, "dryRun").empty()};
  if (Find(body, "gracePeriodSeconds")) options.grace_period_seconds = IntAt(body, "gracePeriodSeconds", 0);
  if (const std::string grace = request.Param("gracePeriodSeconds"); !grace.empty() && !options.grace_period_seconds) {
    options.grace_period_seconds = std::strtoll(grace.c_str(), nullptr, 10);
  }
  return options;
}

net::ServerResponse ServeResource(Store& store, const RestRequest& request) {
  // What a hostile body may still trip over in the JSON library becomes a refusal: writes come last, so nothing is half
  // done.
  try {
    if (!request.subresource.empty() && (request.subresource != "status" || !request.kind->has_status)) {
      return ServeSubresource(store, request);
    }
    if (request.verb == "get") {
      return AnswerWith(store, request, 200,
                        store.Get(StorageOf(*request.kind).GroupResource(), request.ns, request.name));
    }
    if (request.verb == "list") return ServeList(store, request);
    if (request.verb == "create" && request.name.empty()) return ServeCreate(store, request);
    if (request.verb == "update" && !request.name.empty()) return ServeUpdate(store, request);
    if (request.verb == "patch" && !request.name.empty()) return ServePatch(store, request);
    if (request.verb == "delete") return ServeDelete(store, request);
    if (request.verb == "deletecollection") return ServeDeleteCollection(store, request);
    return ErrorResponse(MethodNotAllowed());
  } catch (const Json::exception& e) {
    return ErrorResponse(
        BadRequest(fmt::format("{} in version \"{}\" cannot be handled as a {}: {}", request.kind->kind,
                               request.kind->version, request.kind->kind, e.what())));
  }
}

}  // namespace spillway::sandbox
