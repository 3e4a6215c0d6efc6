#include "sandbox/rest/rest_request.h"

#include <fmt/core.h>

#include <span>

#include "sandbox/rest/protobuf_body.h"

namespace spillway::sandbox {
namespace {

std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (slash != 0) segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return segments;
}

// Which verb of which kind of path: with a name or without.
std::string VerbOf(const net::ServerRequest& http, const RestRequest& rest) {
  const bool named = !rest.name.empty();
  if (http.method == "GET" || http.method == "HEAD") {
    if (rest.IsTrue("watch") && rest.subresource.empty()) return "watch";
    return named ? "get" : "list";
  }
  if (http.method == "POST") return "create";
  if (http.method == "PUT") return "update";
  if (http.method == "PATCH") return "patch";
  if (http.method == "DELETE") return named ? "delete" : "deletecollection";
  return "";
}

// The parts after /api/v1 or /apis/group/version.
bool ReadPath(std::span<const std::string> parts, std::string_view group, std::string_view version, RestRequest& rest) {
  const bool namespaced =
      parts.size() >= 3 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize";
  if (namespaced) {
    rest.ns = parts[1];
    parts = parts.subspan(2);
  }
  if (parts.size() > 2 && parts[0] == "services" && parts[2] == "proxy") {
    for (const std::string& part : parts.subspan(3)) rest.proxy_path += "/" + part;
    if (rest.proxy_path.empty()) rest.proxy_path = "/";
    parts = parts.first(3);
  }
  if (parts.empty() || parts.size() > 3) return false;
  // POST /namespaces/{ns}/bindings: the oldest way to bind.
  const bool binding = parts[0] == "bindings" && group.empty() && parts.size() == 1;
  rest.kind = binding ? FindKind("pods") : FindKind(group, version, parts[0]);
  if (!rest.kind || (namespaced && !rest.kind->namespaced)) return false;
  if (binding) rest.subresource = "binding";
  if (parts.size() > 1) rest.name = parts[1];
  if (parts.size() > 2) rest.subresource = parts[2];
  // A cluster-wide path of a namespaced kind has no names.
  return rest.name.empty() || !rest.kind->namespaced || !rest.ns.empty();
}

}  // namespace

std::string RestRequest::Param(std::string_view name_wanted) const {
  for (const auto& [key, value] : query) {
    if (key == name_wanted) return value;
  }
  return "";
}

bool RestRequest::IsTrue(std::string_view name_wanted) const {
  const std::string value = Param(name_wanted);
  return value == "true" || value == "1";
}

std::string RestRequest::ResourceName() const {
  return subresource.empty() ? std::string(kind->plural) : fmt::format("{}/{}", kind->plural, subresource);
}

std::optional<ApiResult<RestRequest>> ParseRestRequest(const net::ServerRequest& http) {
  const std::vector<std::string> segments = Segments(http.path);
  const std::span<const std::string> all(segments);
  RestRequest rest;
  bool found = false;
  if (all.size() > 2 && all[0] == "api" && all[1] == "v1") {
    found = ReadPath(all.subspan(2), "", "v1", rest);
  } else if (all.size() > 3 && all[0] == "apis") {
    found = ReadPath(all.subspan(3), all[1], all[2], rest);
  } else {
    return std::nullopt;
  }
  if (!found) return Refuse(UnknownPath());
  rest.query = net::ParseQuery(http.query);
  rest.raw_query = http.query;
  const std::string impersonated = http.Header("impersonate-user");
  rest.user = impersonated.empty() ? http.client_common_name : impersonated;
  rest.content_type = http.Header("content-type");
  rest.accept = http.Header("accept");
  rest.body = http.body;
  rest.verb = VerbOf(http, rest);
  if (rest.verb.empty()) return Refuse(MethodNotAllowed());
  return rest;
}

ApiResult<Json> DecodedBody(const std::string& type, const std::string& body) {
  if (type.starts_with("application/vnd.kubernetes.protobuf")) return DecodeProtobuf(body);
  if (type.find("cbor") != std::string::npos) {
    return Refuse(
        ApiError{415, "UnsupportedMediaType",
                 fmt::format("the body of the request was in an unknown format - accepted media types include: "
                             "application/json; got {}",
                             type),
                 Json::object()});
  }
  Json decoded = Json::parse(body, nullptr, false);
  if (decoded.is_discarded()) return Refuse(BadRequest("the object provided is unrecognized: the body is not JSON"));
  return decoded;
}

ApiResult<Json> BodyOf(const RestRequest& request) { return DecodedBody(request.content_type, request.body); }

}  // namespace spillway::sandbox
