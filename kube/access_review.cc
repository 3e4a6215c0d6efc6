#include "kube/access_review.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "kube/paths.h"

namespace spillway::kube {

using nlohmann::json;

namespace {

json AttributesOf(const Access& access) {
  json attributes = {{"verb", access.verb}, {"group", access.group}, {"resource", access.resource}};
  if (!access.subresource.empty()) attributes["subresource"] = access.subresource;
  if (!access.ns.empty()) attributes["namespace"] = access.ns;
  if (!access.name.empty()) attributes["name"] = access.name;
  return attributes;
}

Task<Result<bool>> Review(Client& client, std::string kind, std::string path, json spec) {
  json review;
  review["apiVersion"] = "authorization.k8s.io/v1";
  review["kind"] = kind;
  review["spec"] = std::move(spec);
  Result<json> answer = co_await client.Create(std::move(path), std::move(review));
  if (!answer) co_return Fail(std::move(answer.error()));
  const json::json_pointer at("/status/allowed");
  if (!answer->is_object() || !answer->contains(at) || !(*answer)[at].is_boolean()) {
    co_return Fail(Code::kMalformed, "the answer to a " + kind + " has no status.allowed");
  }
  co_return (*answer)[at].get<bool>();
}

}  // namespace

Subject Subject::ServiceAccount(const std::string& ns, const std::string& name) {
  return {"system:serviceaccount:" + ns + ":" + name,
          {"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"}};
}

Task<Result<bool>> MayI(Client& client, Access access) {
  std::string kind = "SelfSubjectAccessReview", path(kSelfSubjectAccessReviewsPath);
  json spec;
  spec["resourceAttributes"] = AttributesOf(access);
  Result<bool> may = co_await Review(client, std::move(kind), std::move(path), std::move(spec));
  co_return may;
}

Task<Result<bool>> May(Client& client, Subject subject, Access access) {
  std::string kind = "SubjectAccessReview", path(kSubjectAccessReviewsPath);
  json spec;
  spec["user"] = subject.user;
  spec["groups"] = subject.groups;
  spec["resourceAttributes"] = AttributesOf(access);
  Result<bool> may = co_await Review(client, std::move(kind), std::move(path), std::move(spec));
  co_return may;
}

}  // namespace spillway::kube
