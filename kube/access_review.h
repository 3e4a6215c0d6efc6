#pragma once

#include <string>
#include <vector>

#include "kube/client.h"

namespace spillway::kube {

// Something one may be allowed to do: {"create", "", "pods", "binding", "default"}.
struct Access {
  std::string verb, group, resource, subresource;
  std::string ns;    // empty: in all namespaces, or cluster-scoped
  std::string name;  // empty: any
};

// Asks the API server whether we may, as far as authorization goes; what an admission plugin would say it does not
// know. Every authenticated identity may ask (ClusterRole system:basic-user).
//
// Source: k8s.io/api/authorization/v1 SelfSubjectAccessReview.
Task<Result<bool>> MayI(Client& client, Access access);

// The same of somebody else, which takes the permission to create SubjectAccessReviews.
//
// Source: k8s.io/api/authorization/v1 SubjectAccessReview.
struct Subject {
  std::string user;
  std::vector<std::string> groups;

  static Subject ServiceAccount(const std::string& ns, const std::string& name);
};
Task<Result<bool>> May(Client& client, Subject subject, Access access);

}  // namespace spillway::kube
