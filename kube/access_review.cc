#include "kube/access_review.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "kube/paths.h"

namespace spillway::kube {

using nlohmann::json;

Task<Result<bool>> MayI(Client& client, Access access) {
  json attributes = {{"verb", access.verb}, {"group", access.group}, {"resource", access.resource}};
  if (!access.subresource.empty()) attributes["subresource"] = access.subresource;
  if (!access.ns.empty()) attributes["namespace"] = access.ns;
  json review;
  review["apiVersion"] = "authorization.k8s.io/v1";
  review["kind"] = "SelfSubjectAccessReview";
  review["spec"]["resourceAttributes"] = std::move(attributes);
  Result<json> answer = co_await client.Create(std::string(kSelfSubjectAccessReviewsPath), std::move(review));
  if (!answer) co_return Fail(std::move(answer.error()));
  const json::json_pointer at("/status/allowed");
  if (!answer->is_object() || !answer->contains(at) || !(*answer)[at].is_boolean()) {
    co_return Fail(Code::kMalformed, "the answer to a SelfSubjectAccessReview has no status.allowed");
  }
  co_return (*answer)[at].get<bool>();
}

}  // namespace spillway::kube
