#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_server.h"
#include "sandbox/store/api_error.h"

namespace spillway::sandbox {

// What a request under /api/v1 or /apis/{group}/{version} is about.
struct RestRequest {
  std::string verb;  // get, list, watch, create, update, patch, delete, deletecollection
  const Kind* kind = nullptr;
  std::string ns, name, subresource;
  std::string proxy_path;  // of services/{name}/proxy: what comes after it, at least "/"
  std::vector<std::pair<std::string, std::string>> query;
  std::string user;
  std::string content_type, accept;
  std::string body;
  std::string raw_query;

  std::string Param(std::string_view name) const;  // "" when absent
  bool IsTrue(std::string_view name) const;        // "true" or "1"
  bool is_dry_run() const { return Param("dryRun") == "All"; }
  std::string ResourceName() const;  // "pods/binding": for faults and messages
};

// Nullopt when the path is not one of resources (discovery, health and the like); 404 for resources not served.
std::optional<ApiResult<RestRequest>> ParseRestRequest(const net::ServerRequest& request);

// A body as JSON, from JSON or protobuf by its content type; 400 when it is not, 415 for another encoding.
ApiResult<Json> DecodedBody(const std::string& content_type, const std::string& body);
ApiResult<Json> BodyOf(const RestRequest& request);

}  // namespace spillway::sandbox
