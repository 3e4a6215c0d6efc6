#include <fmt/core.h>

#include <string>
#include <utility>

#include "base/time.h"
#include "sandbox/rest/api_core.h"
#include "sandbox/rest/node_restriction.h"
#include "sandbox/store/json_path.h"
#include "sandbox/store/patch.h"

namespace spillway::sandbox {
namespace {

constexpr const char* kCreatedStatus =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201})";

net::ServerResponse Created(const ApiStatus& done) {
  return done ? JsonResponse(201, kCreatedStatus) : ErrorResponse(done.error());
}

net::ServerResponse ServeBinding(Store& store, const RestRequest& request) {
  const auto binding = BodyOf(request);
  if (!binding) return ErrorResponse(binding.error());
  const std::string named = TextAt(*binding, "metadata.name");
  if (!request.name.empty() && !named.empty() && named != request.name) {
    return ErrorResponse(BadRequest("name in URL does not match name in Binding object"));
  }
  return Created(
      store.Bind(request.ns, request.name.empty() ? named : request.name, *binding, {.dry_run = request.is_dry_run()}));
}

net::ServerResponse ServeEviction(Store& store, const RestRequest& request) {
  const auto eviction = BodyOf(request);
  if (!eviction) return ErrorResponse(eviction.error());
  const std::string named = TextAt(*eviction, "metadata.name");
  if (!named.empty() && named != request.name) {
    return ErrorResponse(BadRequest("name in URL does not match name in Eviction object"));
  }
  const bool dry_run = request.is_dry_run() || !ArrayAt(*eviction, "deleteOptions.dryRun").empty();
  return Created(store.Evict(request.ns, request.name, *eviction, {.dry_run = dry_run}));
}

net::ServerResponse ServeScale(Store& store, const RestRequest& request) {
  const std::string resource = request.kind->GroupResource();
  const auto answer = [](const ApiResult<Json>& scale) {
    return scale ? JsonResponse(200, scale->dump()) : ErrorResponse(scale.error());
  };
  const auto current = store.GetScale(resource, request.ns, request.name);
  if (request.verb == "get" || !current) return answer(current);
  RestRequest as_json = request;
  as_json.content_type = "application/json";
  const auto body = BodyOf(as_json);
  if (!body) return ErrorResponse(body.error());
  Json scale = *body;
  if (request.verb == "patch") {
    const bool is_list = request.content_type.starts_with("application/json-patch");
    auto patched = ApplyPatch(is_list ? PatchType::kJson : PatchType::kMerge, *current, *body);
    if (!patched) return ErrorResponse(patched.error());
    scale = std::move(*patched);
    // Only a resourceVersion of the client's own is a precondition.
    if (!is_list && TextAt(*body, "metadata.resourceVersion").empty()) scale["metadata"].erase("resourceVersion");
  } else if (request.verb != "update") {
    return ErrorResponse(MethodNotAllowed());
  }
  if (!scale.is_object()) return ErrorResponse(BadRequest("a Scale must be an object"));
  ObjectAt(scale, "metadata")["name"] = request.name;
  scale["metadata"]["namespace"] = request.ns;
  return answer(store.SetScale(resource, scale, {.dry_run = request.is_dry_run()}));
}

// PUT namespaces/{name}/finalize: a namespace ends when its contents do, so there is nothing to finalize.
net::ServerResponse ServeFinalize(Store& store, const RestRequest& request) {
  const auto ns = store.Get("namespaces", "", request.name);
  return ns ? JsonResponse(200, ns->dump()) : ErrorResponse(ns.error());
}

// What a token is bound to must be there. Source: pkg/registry/core/serviceaccount/storage/token.go, v1.36.
ApiStatus CheckBound(const Store& store, const RestRequest& request, const Json& bound) {
  const std::string kind = TextAt(bound, "kind"), version = TextAt(bound, "apiVersion");
  const std::string name = TextAt(bound, "name"), uid = TextAt(bound, "uid");
  const Kind* known = FindKindOf(version, kind);
  const bool can_bind = known && version == "v1" && (kind == "Pod" || kind == "Secret" || kind == "Node");
  if (!can_bind)
    return Refuse(BadRequest(fmt::format("cannot bind token to object of type {}, Kind={}", version, kind)));
  const auto there = store.Get(known->plural, known->namespaced ? request.ns : "", name);
  if (!there) return Refuse(there.error());
  if (uid.empty() || uid == TextAt(*there, "metadata.uid")) return {};
  return Refuse(Conflict(*known, kind, name,
                         fmt::format("the UID in the bound object reference ({}) does not match the UID in record. The "
                                     "object might have been deleted and then recreated",
                                     uid)));
}

ApiStatus CheckTokenRequest(const Store& store, const RestRequest& request, const Json& body) {
  static const Kind kind{.group = "authentication.k8s.io", .version = "v1", .kind = "TokenRequest"};
  constexpr std::int64_t kShortest = 600, kLongest = std::int64_t{1} << 32;
  const std::int64_t seconds = IntAt(body, "spec.expirationSeconds", 3600);
  const char* why = seconds < kShortest  ? "may not specify a duration less than 10 minutes"
                    : seconds > kLongest ? "may not specify a duration larger than 2^32 seconds"
                                         : nullptr;
  if (why) return Refuse(Invalid(kind, "", {FieldInvalid("spec.expirationSeconds", seconds, why)}));
  const Json* bound = Find(body, "spec.boundObjectRef");
  return bound ? CheckBound(store, request, *bound) : ApiStatus();
}

// POST serviceaccounts/{name}/token. The token opens nothing: this API knows users by their certificates.
net::ServerResponse ServeToken(Store& store, const RestRequest& request) {
  const auto account = store.Get("serviceaccounts", request.ns, request.name);
  if (!account) return ErrorResponse(account.error());
  auto body = BodyOf(request);
  if (!body || !body->is_object()) return ErrorResponse(BadRequest("a TokenRequest must be an object"));
  if (auto allowed = RestrictCreate(store, request, *body); !allowed) return ErrorResponse(allowed.error());
  if (auto checked = CheckTokenRequest(store, request, *body); !checked) return ErrorResponse(checked.error());
  const auto lifetime = std::chrono::seconds(IntAt(*body, "spec.expirationSeconds", 3600));
  (*body)["status"] = {{"token", fmt::format("sandbox:{}:{}", request.ns, request.name)},
                       {"expirationTimestamp", base::FormatRfc3339(store.runtime().WallNow() + lifetime)}};
  ObjectAt(*body, "metadata")["name"] = request.name;
  (*body)["metadata"]["namespace"] = request.ns;
  return JsonResponse(201, body->dump());
}

}  // namespace

net::ServerResponse ServeSubresource(Store& store, const RestRequest& request) {
  const std::string_view plural = request.kind->plural;
  const std::string& part = request.subresource;
  const bool creates = request.verb == "create";
  if (plural == "pods" && part == "binding" && creates) return ServeBinding(store, request);
  if (plural == "pods" && part == "eviction" && creates) return ServeEviction(store, request);
  if (part == "scale" && request.kind->has_scale) return ServeScale(store, request);
  if (plural == "namespaces" && part == "finalize" && request.verb == "update") return ServeFinalize(store, request);
  if (plural == "serviceaccounts" && part == "token" && creates) return ServeToken(store, request);
  return ErrorResponse(UnknownPath());
}

}  // namespace spillway::sandbox
