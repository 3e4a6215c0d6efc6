#include <string>
#include <utility>

#include "sandbox/rest/api_core.h"
#include "sandbox/store/json_path.h"

// Reviews: everyone who got in may do everything, and a token names nobody.

namespace spillway::sandbox {
namespace {

net::ServerResponse Reviewed(const net::ServerRequest& request, Json status) {
  auto review = DecodedBody(request.Header("content-type"), request.body);
  if (!review) return ErrorResponse(review.error());
  if (!review->is_object()) return ErrorResponse(BadRequest("a review must be an object"));
  ObjectAt(*review, "metadata");
  (*review)["status"] = std::move(status);
  return JsonResponse(201, review->dump());
}

}  // namespace

std::optional<net::ServerResponse> ServeReview(const net::ServerRequest& request) {
  if (request.method != "POST") return std::nullopt;
  const std::string_view path = request.path;
  if (path == "/apis/authentication.k8s.io/v1/tokenreviews") {
    return Reviewed(request,
                    {{"authenticated", false}, {"error", "this API server knows users by their certificates"}});
  }
  if (path == "/apis/authentication.k8s.io/v1/selfsubjectreviews") {
    return Reviewed(
        request, {{"userInfo", {{"username", request.client_common_name}, {"groups", request.client_organizations}}}});
  }
  if (path == "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews") {
    const Json everything = {{"verbs", {"*"}}, {"apiGroups", {"*"}}, {"resources", {"*"}}};
    return Reviewed(
        request,
        {{"resourceRules", Json::array({everything})}, {"nonResourceRules", Json::array()}, {"incomplete", false}});
  }
  const bool access = path.starts_with("/apis/authorization.k8s.io/v1/") && path.ends_with("subjectaccessreviews");
  if (!access) return std::nullopt;
  return Reviewed(request, {{"allowed", true}, {"reason", "the sandbox allows everything"}});
}

}  // namespace spillway::sandbox
