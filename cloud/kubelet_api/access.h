#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "cloud/json.h"
#include "kube/client.h"
#include "kube/transport.h"
#include "net/http_server.h"

namespace spillway::cloud {

// Who asks, as the API server knows it.
struct KubeletUser {
  std::string name, uid;
  std::vector<std::string> groups;
  Json extra = Json::object();  // name -> list of values
};

struct KubeletAccessOptions {
  std::string node_name;
  bool allows_anonymous = false;  // a request without credential is system:anonymous instead of refused
  Duration token_ttl = std::chrono::minutes(2);
  Duration allowed_ttl = std::chrono::minutes(5);
  Duration denied_ttl = std::chrono::seconds(30);
  std::size_t cache_size = 1024;  // answers of each kind
};

// The subresources of nodes that stand for `path`: being allowed one of them is enough.
// Source: kubelet pkg/kubelet/server/auth.go, with KubeletFineGrainedAuthz.
std::vector<std::string> NodeSubresources(std::string_view path);

// Lets through the kubelet API whom the API server lets: a verified client certificate or a bearer token (TokenReview)
// says who asks, a SubjectAccessReview on nodes/{proxy,log,stats,metrics,pods,healthz} whether they may. Answers are
// kept for a while, failures are not. Its calls have a rate limit of their own.
class KubeletAccess {
 public:
  // Both outlive it; `observer` may be null.
  KubeletAccess(Runtime& runtime, kube::Transport& transport, KubeletAccessOptions options,
                kube::ClientObserver* observer = nullptr);

  // kUnauthenticated: 401; kPermissionDenied: 403; anything else: it cannot be told at the moment.
  Task<Status> Check(const net::ServerRequest& request);

 private:
  template <typename T>
  struct Kept {
    T value;
    Instant until;
  };
  Task<Result<KubeletUser>> Authenticate(const net::ServerRequest& request);
  Task<Result<KubeletUser>> ReviewToken(std::string token);
  Task<Status> Authorize(KubeletUser user, std::string verb, std::string path);
  Task<Result<bool>> Review(KubeletUser user, std::string verb, std::string subresource);
  template <typename T>
  std::optional<T> Find(const std::map<std::string, Kept<T>>& cache, const std::string& key) const;
  template <typename T>
  void Keep(std::map<std::string, Kept<T>>& cache, const std::string& key, T value, Duration ttl);

  Runtime& runtime_;
  KubeletAccessOptions options_;
  kube::RateLimiter limiter_;
  kube::Client client_;
  std::map<std::string, Kept<std::optional<KubeletUser>>> tokens_;  // by the token's SHA-256; nullopt: not a user's
  std::map<std::string, Kept<bool>> allowed_;
};

}  // namespace spillway::cloud
