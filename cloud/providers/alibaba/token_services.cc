#include "cloud/providers/alibaba/token_services.h"

#include <fmt/core.h>

#include <optional>
#include <utility>

#include "cloud/json.h"
#include "cloud/providers/alibaba/failures.h"
#include "cloud/providers/alibaba/signature.h"
#include "net/rotated_files.h"

namespace spillway::cloud::alibaba {
namespace {

using rest::RentedCredential;

constexpr const char* kRolePath = "/latest/meta-data/ram/security-credentials/";
constexpr Duration kTimeout = 10s;
constexpr int kHttpOk = 200, kHttpNotFound = 404;

// `answer` as both services give it. What is wrong is told without quoting it.
Result<RentedCredential> ReadRented(const Json& answer, const char* service) {
  RentedCredential rented;
  rented.credential = {TextAt(answer, "AccessKeyId"), TextAt(answer, "AccessKeySecret"),
                       TextAt(answer, "SecurityToken")};
  const auto expires = base::ParseRfc3339(TextAt(answer, "Expiration"));
  if (rented.credential.key_id.empty() || rented.credential.secret.empty() || !expires) {
    return Fail(Code::kUnavailable, fmt::format("{} answered without credentials", service));
  }
  rented.expires_at = *expires;
  return rented;
}

class MachineRole {
 public:
  MachineRole(net::HttpClient& client, std::string role) : client_(client), role_(std::move(role)) {}

  Task<Result<RentedCredential>> Rent() {
    const std::string session = co_await Session();
    std::string role = role_;
    if (role.empty()) {
      auto names = co_await Get(kRolePath, session);
      if (!names) co_return Fail(std::move(names).error());
      role = names->substr(0, names->find('\n'));
    }
    auto text = co_await Get(kRolePath + role, session);
    if (!text) co_return Fail(std::move(text).error());
    co_return ReadRented(Json::parse(*text, nullptr, false), "the metadata service");
  }

 private:
  // Hardened machines answer only to who has fetched a token before; others know of none.
  Task<std::string> Session() {
    net::HttpRequest request;
    request.method = "PUT";
    request.path = "/latest/api/token";
    request.headers = {{"X-aliyun-ecs-metadata-token-ttl-seconds", "60"}};
    request.timeout = kTimeout;
    auto answer = co_await client_.Send(std::move(request));
    co_return answer && answer->status == kHttpOk ? answer->body : std::string();
  }
  Task<Result<std::string>> Get(std::string path, std::string session) {
    net::HttpRequest request;
    request.path = path;
    if (!session.empty()) request.headers = {{"X-aliyun-ecs-metadata-token", session}};
    request.timeout = kTimeout;
    auto answer = co_await client_.Send(std::move(request));
    if (!answer) co_return Fail(std::move(answer.error()).Annotated("the metadata service"));
    if (answer->status == kHttpNotFound) {
      co_return Fail(Code::kUnauthenticated, "this machine has no such RAM role: attach one to it, or name it right");
    }
    if (answer->status != kHttpOk) {
      co_return Fail(Code::kUnavailable, fmt::format("the metadata service answered HTTP {}", answer->status));
    }
    co_return std::move(answer->body);
  }

  net::HttpClient& client_;
  std::string role_;
};

class OidcExchange {
 public:
  OidcExchange(Runtime& runtime, net::HttpClient& client, OidcRole role)
      : runtime_(runtime), client_(client), token_(role.token_file, "OIDC token"), role_(std::move(role)) {}

  Task<Result<RentedCredential>> Rent() {
    auto token = token_.Get();
    if (!token) co_return Fail(std::move(token).error());
    const std::uint64_t high = runtime_.random().Next(), low = runtime_.random().Next();
    const rest::Parameters query = {{"Action", "AssumeRoleWithOIDC"},
                                    {"Format", "JSON"},
                                    {"Version", "2015-04-01"},
                                    {"Timestamp", base::FormatRfc3339(runtime_.WallNow())},
                                    {"SignatureNonce", fmt::format("{:016x}{:016x}", high, low)}};
    const rest::Parameters form = {{"RoleArn", role_.role_arn},
                                   {"OIDCProviderArn", role_.provider_arn},
                                   {"OIDCToken", *token},
                                   {"RoleSessionName", role_.session_name}};
    net::HttpRequest request;
    request.method = "POST";
    request.path = "/?" + CanonicalQuery(query);
    request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
    request.body = CanonicalQuery(form);
    request.timeout = kTimeout;
    auto response = co_await client_.Send(std::move(request));
    if (!response) co_return Fail(std::move(response.error()).Annotated("AssumeRoleWithOIDC"));
    auto answer = ReadAnswer(*response);
    if (!answer) {
      const Code code = answer.error().is_uncertain() ? Code::kUnavailable : Code::kUnauthenticated;
      co_return Fail(code,
                     fmt::format("AssumeRoleWithOIDC: {} {}", answer.error().cloud_code, ToString(answer.error())));
    }
    co_return ReadRented(At(*answer, "Credentials"), "AssumeRoleWithOIDC");
  }

 private:
  Runtime& runtime_;
  net::HttpClient& client_;
  net::RotatedFile token_;
  OidcRole role_;
};

}  // namespace

std::unique_ptr<rest::CredentialSource> MachineRoleCredentials(Runtime& runtime, net::HttpClient& metadata,
                                                               std::string role) {
  const auto machine = std::make_shared<MachineRole>(metadata, std::move(role));
  return rest::RentedCredentials(runtime, [machine] { return machine->Rent(); });
}

std::unique_ptr<rest::CredentialSource> OidcRoleCredentials(Runtime& runtime, net::HttpClient& sts, OidcRole role) {
  const auto exchange = std::make_shared<OidcExchange>(runtime, sts, std::move(role));
  return rest::RentedCredentials(runtime, [exchange] { return exchange->Rent(); });
}

}  // namespace spillway::cloud::alibaba
