#include "cloud/providers/tencent/token_services.h"

#include <fmt/core.h>

#include <utility>

#include "cloud/json.h"

namespace spillway::cloud::tencent {
namespace {

using rest::RentedCredential;

constexpr const char* kCamPath = "/latest/meta-data/cam/security-credentials/";
constexpr Duration kMetadataTimeout = 10s;
constexpr int kFound = 200, kNotThere = 404;

// What is wrong is told without quoting it.
Result<RentedCredential> ReadKeys(const Json& answer) {
  RentedCredential rented;
  rented.credential = {TextAt(answer, "TmpSecretId"), TextAt(answer, "TmpSecretKey"), TextAt(answer, "Token")};
  const std::int64_t expires = Integer(At(answer, "ExpiredTime"));
  if (rented.credential.key_id.empty() || rented.credential.secret.empty() || expires <= 0) {
    return Fail(Code::kUnavailable, "the metadata service answered without credentials");
  }
  rented.expires_at = WallTime(std::chrono::seconds(expires));
  return rented;
}

class CamRole {
 public:
  CamRole(net::HttpClient& client, std::string role) : client_(client), role_(std::move(role)) {}

  Task<Result<RentedCredential>> Rent() {
    std::string role = role_;
    if (role.empty()) {
      auto names = co_await Get(kCamPath);
      if (!names) co_return Fail(std::move(names).error());
      role = names->substr(0, names->find('\n'));
    }
    auto text = co_await Get(kCamPath + role);
    if (!text) co_return Fail(std::move(text).error());
    co_return ReadKeys(Json::parse(*text, nullptr, false));
  }

 private:
  Task<Result<std::string>> Get(std::string path) {
    net::HttpRequest request;
    request.path = std::move(path);
    request.timeout = kMetadataTimeout;
    auto answer = co_await client_.Send(std::move(request));
    if (!answer) co_return Fail(std::move(answer.error()).Annotated("the metadata service"));
    if (answer->status == kNotThere) {
      co_return Fail(Code::kUnauthenticated, "this machine has no such CAM role: bind one to it, or name it right");
    }
    if (answer->status != kFound) {
      co_return Fail(Code::kUnavailable, fmt::format("the metadata service answered HTTP {}", answer->status));
    }
    co_return std::move(answer->body);
  }

  net::HttpClient& client_;
  std::string role_;
};

}  // namespace

std::unique_ptr<rest::CredentialSource> MachineRoleCredentials(Runtime& runtime, net::HttpClient& metadata,
                                                               std::string role) {
  auto service = std::make_shared<CamRole>(metadata, std::move(role));
  return rest::RentedCredentials(runtime, [service] { return service->Rent(); });
}

}  // namespace spillway::cloud::tencent
