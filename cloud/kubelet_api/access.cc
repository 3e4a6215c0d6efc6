#include "cloud/kubelet_api/access.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <utility>

#include "base/log.h"

namespace spillway::cloud {
namespace {

constexpr char kTokenReviews[] = "/apis/authentication.k8s.io/v1/tokenreviews";
constexpr char kSubjectAccessReviews[] = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
constexpr double kReviewQps = 50;
constexpr int kReviewBurst = 100;

bool IsAtOrBelow(std::string_view path, std::string_view root) {
  return path == root || (path.starts_with(root) && path[root.size()] == '/');
}

std::string VerbOf(const std::string& method) {
  static const std::map<std::string, std::string> verbs = {
      {"POST", "create"}, {"GET", "get"}, {"PUT", "update"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
  const auto found = verbs.find(method);
  return found == verbs.end() ? "" : found->second;
}

// What stands for a token in memory.
std::string TokenDigest(const std::string& token) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(token.data(), token.size(), digest, &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(digest), size};
}

std::vector<std::string> TextsOf(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& item : Items(list)) texts.push_back(Text(item));
  return texts;
}

}  // namespace

std::vector<std::string> NodeSubresources(std::string_view path) {
  std::vector<std::string> found;
  if (IsAtOrBelow(path, "/pods") || IsAtOrBelow(path, "/runningpods")) found.push_back("pods");
  if (IsAtOrBelow(path, "/healthz")) found.push_back("healthz");
  if (IsAtOrBelow(path, "/stats")) return {"stats"};
  if (IsAtOrBelow(path, "/metrics")) return {"metrics"};
  if (IsAtOrBelow(path, "/logs")) return {"log"};
  found.push_back("proxy");
  return found;
}

KubeletAccess::KubeletAccess(Runtime& runtime, kube::Transport& transport, KubeletAccessOptions options,
                             kube::ClientObserver* observer)
    : runtime_(runtime),
      options_(std::move(options)),
      limiter_(runtime, kReviewQps, kReviewBurst),
      client_(runtime, transport, limiter_, observer) {}

template <typename T>
std::optional<T> KubeletAccess::Find(const std::map<std::string, Kept<T>>& cache, const std::string& key) const {
  const auto found = cache.find(key);
  if (found == cache.end() || found->second.until <= runtime_.Now()) return std::nullopt;
  return found->second.value;
}

template <typename T>
void KubeletAccess::Keep(std::map<std::string, Kept<T>>& cache, const std::string& key, T value, Duration ttl) {
  if (cache.size() >= options_.cache_size) {
    std::erase_if(cache, [now = runtime_.Now()](const auto& entry) { return entry.second.until <= now; });
  }
  if (cache.size() >= options_.cache_size) cache.clear();
  cache.insert_or_assign(key, Kept<T>{std::move(value), runtime_.Now() + ttl});
}

Task<Status> KubeletAccess::Check(const net::ServerRequest& request) {
  std::string verb = VerbOf(request.method), path = request.path;
  Result<KubeletUser> user = co_await Authenticate(request);
  if (!user) co_return Fail(std::move(user).error());
  co_return co_await Authorize(*std::move(user), std::move(verb), std::move(path));
}

Task<Result<KubeletUser>> KubeletAccess::Authenticate(const net::ServerRequest& request) {
  if (!request.client_common_name.empty()) {
    KubeletUser user{request.client_common_name, "", request.client_organizations};
    user.groups.emplace_back("system:authenticated");
    co_return user;
  }
  constexpr std::string_view kBearer = "Bearer ";
  const std::string authorization = request.Header("authorization");
  if (authorization.starts_with(kBearer) && authorization.size() > kBearer.size()) {
    std::string token = authorization.substr(kBearer.size());
    co_return co_await ReviewToken(std::move(token));
  }
  if (!options_.allows_anonymous) co_return Fail(Code::kUnauthenticated, "Unauthorized");
  co_return KubeletUser{"system:anonymous", "", {"system:unauthenticated"}};
}

Task<Result<KubeletUser>> KubeletAccess::ReviewToken(std::string token) {
  const std::string key = TokenDigest(token);
  std::optional<std::optional<KubeletUser>> known = Find(tokens_, key);
  if (!known) {
    std::string path = kTokenReviews;
    Json review = {
        {"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenReview"}, {"spec", {{"token", std::move(token)}}}};
    Result<Json> answer = co_await client_.Create(std::move(path), std::move(review));
    if (!answer) {
      log::Warning("cannot review a token for the kubelet API", {{"why", answer.error().message}});
      co_return Fail(Code::kUnavailable, "the API server cannot be asked about this token: " + answer.error().message);
    }
    std::optional<KubeletUser> user;
    if (IsTrue(At(*answer, "status", "authenticated"))) {
      const Json& about = At(*answer, "status", "user");
      user = KubeletUser{TextAt(about, "username"), TextAt(about, "uid"), TextsOf(At(about, "groups"))};
      if (At(about, "extra").is_object()) user->extra = At(about, "extra");
    }
    Keep(tokens_, key, user, options_.token_ttl);
    known = std::move(user);
  }
  if (!*known) co_return Fail(Code::kUnauthenticated, "Unauthorized");
  co_return **known;
}

Task<Status> KubeletAccess::Authorize(KubeletUser user, std::string verb, std::string path) {
  const std::vector<std::string> subresources = NodeSubresources(path);
  for (const std::string& subresource : subresources) {
    const std::string key = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", user.name, user.uid, fmt::join(user.groups, "\t"),
                                        user.extra.dump(), verb, subresource);
    std::optional<bool> allowed = Find(allowed_, key);
    if (!allowed) {
      KubeletUser asked = user;
      std::string asked_verb = verb, about = subresource;
      Result<bool> answer = co_await Review(std::move(asked), std::move(asked_verb), std::move(about));
      if (!answer) co_return Fail(std::move(answer).error());
      allowed = *answer;
      Keep(allowed_, key, *allowed, *allowed ? options_.allowed_ttl : options_.denied_ttl);
    }
    if (*allowed) co_return Status();
  }
  co_return Fail(Code::kPermissionDenied,
                 fmt::format("Forbidden (user={}, verb={}, resource=nodes, subresource(s)=[{}])", user.name, verb,
                             fmt::join(subresources, " ")));
}

Task<Result<bool>> KubeletAccess::Review(KubeletUser user, std::string verb, std::string subresource) {
  Json attributes = {{"verb", std::move(verb)},
                     {"version", "v1"},
                     {"resource", "nodes"},
                     {"subresource", std::move(subresource)},
                     {"name", options_.node_name}};
  Json spec = {{"user", user.name}, {"groups", user.groups}, {"resourceAttributes", std::move(attributes)}};
  if (!user.uid.empty()) spec["uid"] = user.uid;
  if (!user.extra.empty()) spec["extra"] = std::move(user.extra);
  std::string path = kSubjectAccessReviews;
  Json review = {{"apiVersion", "authorization.k8s.io/v1"}, {"kind", "SubjectAccessReview"}, {"spec", std::move(spec)}};
  Result<Json> answer = co_await client_.Create(std::move(path), std::move(review));
  if (!answer) {
    log::Warning("cannot review access to the kubelet API", {{"why", answer.error().message}});
    co_return Fail(Code::kUnavailable, "the API server cannot be asked about this access: " + answer.error().message);
  }
  co_return IsTrue(At(*answer, "status", "allowed"));
}

}  // namespace spillway::cloud
