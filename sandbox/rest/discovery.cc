#include <fmt/core.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/rest/api_core.h"

// Which kinds there are, as clients find out: aggregated discovery, the older group by group form, and just enough
// OpenAPI that kubectl sends its writes for validation here instead of validating them itself.

namespace spillway::sandbox {
namespace {

constexpr std::string_view kAggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

struct Subresource {
  std::string name, group, version, kind;
  std::vector<std::string> verbs;
};

std::vector<Subresource> SubresourcesOf(const Kind& kind) {
  std::vector<Subresource> all;
  const std::vector<std::string> read_write = {"get", "patch", "update"};
  const auto own = [&](const char* name) {
    all.push_back({name, std::string(kind.group), std::string(kind.version), std::string(kind.kind), read_write});
  };
  if (kind.has_status) own("status");
  if (kind.has_scale) all.push_back({"scale", "autoscaling", "v1", "Scale", read_write});
  if (kind.group.empty() && kind.plural == "pods") {
    all.push_back({"binding", "", "v1", "Binding", {"create"}});
    all.push_back({"eviction", "policy", "v1", "Eviction", {"create"}});
    all.push_back({"log", "", "v1", "Pod", {"get"}});
  }
  if (kind.group.empty() && kind.plural == "serviceaccounts") {
    all.push_back({"token", "authentication.k8s.io", "v1", "TokenRequest", {"create"}});
  }
  return all;
}

const std::vector<std::string>& Verbs() {
  static const std::vector<std::string> verbs = {"create", "delete", "deletecollection", "get",
                                                 "list",   "patch",  "update",           "watch"};
  return verbs;
}

struct GroupVersion {
  std::string_view group, version;
  bool operator<(const GroupVersion& other) const {
    return std::pair(group, version) < std::pair(other.group, other.version);
  }
  std::string Text() const { return group.empty() ? std::string(version) : fmt::format("{}/{}", group, version); }
};

std::set<GroupVersion> GroupVersions() {
  std::set<GroupVersion> all;
  for (const Kind& kind : AllKinds()) all.insert({kind.group, kind.version});
  return all;
}

Json AggregatedResource(const Kind& kind) {
  Json resource = {{"resource", kind.plural},
                   {"responseKind", {{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}}},
                   {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
                   {"singularResource", kind.singular},
                   {"verbs", Verbs()}};
  if (!kind.short_names.empty()) resource["shortNames"] = kind.short_names;
  if (!kind.categories.empty()) resource["categories"] = kind.categories;
  for (const Subresource& part : SubresourcesOf(kind)) {
    resource["subresources"].push_back(
        {{"subresource", part.name},
         {"responseKind", {{"group", part.group}, {"version", part.version}, {"kind", part.kind}}},
         {"verbs", part.verbs}});
  }
  return resource;
}

net::ServerResponse Aggregated(bool core) {
  Json items = Json::array();
  for (const GroupVersion& gv : GroupVersions()) {
    if (gv.group.empty() != core) continue;
    Json resources = Json::array();
    for (const Kind& kind : AllKinds()) {
      if (kind.group == gv.group && kind.version == gv.version) resources.push_back(AggregatedResource(kind));
    }
    Json metadata = {{"creationTimestamp", nullptr}};
    if (!core) metadata["name"] = gv.group;
    items.push_back(
        {{"metadata", metadata},
         {"versions",
          Json::array({{{"version", gv.version}, {"resources", std::move(resources)}, {"freshness", "Current"}}})}});
  }
  const Json list = {{"kind", "APIGroupDiscoveryList"},
                     {"apiVersion", "apidiscovery.k8s.io/v2"},
                     {"metadata", Json::object()},
                     {"items", std::move(items)}};
  net::ServerResponse response = JsonResponse(200, list.dump());
  response.content_type = kAggregated;
  return response;
}

Json ApiGroup(const GroupVersion& gv) {
  const Json version = {{"groupVersion", gv.Text()}, {"version", gv.version}};
  return {{"name", gv.group}, {"versions", Json::array({version})}, {"preferredVersion", version}};
}

net::ServerResponse Groups() {
  Json groups = Json::array();
  for (const GroupVersion& gv : GroupVersions()) {
    if (!gv.group.empty()) groups.push_back(ApiGroup(gv));
  }
  return JsonResponse(200, Json{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", groups}}.dump());
}

net::ServerResponse Resources(const GroupVersion& gv) {
  Json resources = Json::array();
  for (const Kind& kind : AllKinds()) {
    if (kind.group != gv.group || kind.version != gv.version) continue;
    Json resource = {{"name", kind.plural},
                     {"singularName", kind.singular},
                     {"namespaced", kind.namespaced},
                     {"kind", kind.kind},
                     {"verbs", Verbs()}};
    if (!kind.short_names.empty()) resource["shortNames"] = kind.short_names;
    if (!kind.categories.empty()) resource["categories"] = kind.categories;
    resources.push_back(std::move(resource));
    for (const Subresource& part : SubresourcesOf(kind)) {
      resources.push_back({{"name", fmt::format("{}/{}", kind.plural, part.name)},
                           {"singularName", ""},
                           {"namespaced", kind.namespaced},
                           {"group", part.group},
                           {"version", part.version},
                           {"kind", part.kind},
                           {"verbs", part.verbs}});
    }
  }
  if (resources.empty()) return ErrorResponse(UnknownPath());
  const Json list = {
      {"kind", "APIResourceList"}, {"apiVersion", "v1"}, {"groupVersion", gv.Text()}, {"resources", resources}};
  return JsonResponse(200, list.dump());
}

std::string PathOf(const GroupVersion& gv) {
  return gv.group.empty() ? fmt::format("api/{}", gv.version) : fmt::format("apis/{}/{}", gv.group, gv.version);
}

net::ServerResponse OpenApiIndex() {
  Json paths = Json::object();
  for (const GroupVersion& gv : GroupVersions()) {
    paths[PathOf(gv)] = {{"serverRelativeURL", "/openapi/v3/" + PathOf(gv)}};
  }
  return JsonResponse(200, Json{{"paths", std::move(paths)}}.dump());
}

// Only what kubectl asks for: that PATCH takes fieldValidation and dryRun.
net::ServerResponse OpenApi(std::string_view path) {
  Json paths = Json::object();
  for (const Kind& kind : AllKinds()) {
    const GroupVersion gv{kind.group, kind.version};
    if (PathOf(gv) != path) continue;
    const std::string object =
        fmt::format("/{}{}/{}/{{name}}", path, kind.namespaced ? "/namespaces/{namespace}" : "", kind.plural);
    Json parameters = Json::array();
    for (const char* name : {"dryRun", "fieldManager", "fieldValidation", "force"}) {
      parameters.push_back({{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}}}});
    }
    paths[object]["patch"] = {
        {"parameters", std::move(parameters)},
        {"responses", {{"200", {{"description", "OK"}}}}},
        {"x-kubernetes-action", "patch"},
        {"x-kubernetes-group-version-kind", {{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}}}};
  }
  if (paths.empty()) return ErrorResponse(UnknownPath());
  const Json document = {{"openapi", "3.0.0"},
                         {"info", {{"title", "Kubernetes"}, {"version", "v1.36.0"}}},
                         {"paths", std::move(paths)},
                         {"components", {{"schemas", Json::object()}}}};
  return JsonResponse(200, document.dump());
}

// kubectl asks for it, as protobuf, to validate what it cannot have validated here (a List of objects): a document
// without definitions, so that it finds nothing to object to. Fields: gnostic openapiv2 Document, Info.
net::ServerResponse OldOpenApi(const net::ServerRequest& request) {
  if (request.Header("accept").find("protobuf") == std::string::npos) {
    const Json document = {{"swagger", "2.0"},
                           {"info", {{"title", "Kubernetes"}, {"version", "v1.36.0"}}},
                           {"paths", Json::object()},
                           {"definitions", Json::object()}};
    return JsonResponse(200, document.dump());
  }
  const auto field = [](char number, const std::string& value) {
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(value.size())} + value;
  };
  const std::string info = field(1, "Kubernetes") + field(2, "v1.36.0");
  net::ServerResponse response = JsonResponse(200, field(1, "2.0") + field(2, info) + field(8, ""));
  response.content_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
  return response;
}

net::ServerResponse Version() {
  const Json version = {{"major", "1"},    {"minor", "36"},           {"gitVersion", "v1.36.0+spillway-sandbox"},
                        {"gitCommit", ""}, {"gitTreeState", "clean"}, {"buildDate", "1970-01-01T00:00:00Z"},
                        {"goVersion", ""}, {"compiler", "g++"},       {"platform", "linux/amd64"}};
  return JsonResponse(200, version.dump());
}

net::ServerResponse Healthy() {
  net::ServerResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = "ok";
  return response;
}

net::ServerResponse CoreVersions() {
  const Json versions = {
      {"kind", "APIVersions"}, {"versions", Json::array({"v1"})}, {"serverAddressByClientCIDRs", Json::array()}};
  return JsonResponse(200, versions.dump());
}

net::ServerResponse GroupOrVersion(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) return Resources({rest.substr(0, slash), rest.substr(slash + 1)});
  for (const GroupVersion& gv : GroupVersions()) {
    if (gv.group != rest) continue;
    Json group = ApiGroup(gv);
    group["kind"] = "APIGroup";
    group["apiVersion"] = "v1";
    return JsonResponse(200, group.dump());
  }
  return ErrorResponse(UnknownPath());
}

}  // namespace

net::ServerResponse ServeNonResource(const net::ServerRequest& request) {
  std::string_view path = request.path;
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const bool aggregated = request.Header("accept").find("as=APIGroupDiscoveryList") != std::string::npos;
  if (path == "/api") return aggregated ? Aggregated(true) : CoreVersions();
  if (path == "/apis") return aggregated ? Aggregated(false) : Groups();
  if (path == "/api/v1") return Resources({"", "v1"});
  if (path.starts_with("/apis/")) return GroupOrVersion(path.substr(6));
  if (path == "/version") return Version();
  for (const std::string_view health : {"/healthz", "/readyz", "/livez"}) {
    if (path == health || (path.starts_with(health) && path[health.size()] == '/')) return Healthy();
  }
  if (path == "/openapi/v2") return OldOpenApi(request);
  if (path == "/openapi/v3") return OpenApiIndex();
  if (path.starts_with("/openapi/v3/")) return OpenApi(path.substr(12));
  return ErrorResponse(UnknownPath());
}

}  // namespace spillway::sandbox
