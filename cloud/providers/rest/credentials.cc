#include "cloud/providers/rest/credentials.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "base/scope.h"
#include "base/sync.h"
#include "net/rotated_files.h"

namespace spillway::cloud::rest {
namespace {

constexpr Duration kRenewBefore = 5min;  // clouds rent for an hour or more
constexpr Duration kStillGood = 30s;     // for the call that is about to be made
constexpr Duration kRenewAgain = 30s;    // after a failed renewal, while what is held is good

class Fixed final : public CredentialSource {
 public:
  explicit Fixed(Credential credential) : credential_(std::move(credential)) {}
  Task<Result<Credential>> Get() override { co_return credential_; }

 private:
  Credential credential_;
};

std::string Trimmed(std::string text) {
  constexpr const char* kBlanks = " \t\r\n";
  text.erase(0, text.find_first_not_of(kBlanks));
  if (const auto last = text.find_last_not_of(kBlanks); last != std::string::npos) text.erase(last + 1);
  return text;
}

class Files final : public CredentialSource {
 public:
  explicit Files(CredentialPaths paths)
      : key_id_(paths.key_id, "access key id"),
        secret_(paths.secret, "access key secret"),
        session_token_(paths.session_token, "session token") {}

  Task<Result<Credential>> Get() override {
    Credential credential;
    for (auto [file, into] : {std::pair{&key_id_, &credential.key_id}, std::pair{&secret_, &credential.secret},
                              std::pair{&session_token_, &credential.session_token}}) {
      if (file->path().empty()) continue;
      Result<std::string> text = file->Get();
      if (!text) co_return Fail(std::move(text.error()));
      *into = Trimmed(*std::move(text));
      if (into->empty()) co_return Fail(Code::kUnauthenticated, fmt::format("{}: the file is empty", file->path()));
    }
    co_return credential;
  }
  void Distrust() override {
    for (net::RotatedFile* file : {&key_id_, &secret_, &session_token_}) file->Distrust();
  }

 private:
  net::RotatedFile key_id_, secret_, session_token_;
};

class Rented final : public CredentialSource {
 public:
  Rented(Runtime& runtime, std::function<Task<Result<RentedCredential>>()> rent)
      : runtime_(runtime), rent_(std::move(rent)), flow_(runtime) {}

  Task<Result<Credential>> Get() override {
    const WallTime now = runtime_.WallNow();
    if (held_ && now + kRenewBefore < held_->expires_at) co_return held_->credential;
    if (IsStillGood() && runtime_.Now() < renew_again_) co_return held_->credential;
    OneShot<Result<Credential>> mine(runtime_);
    waiting_.push_back(mine);
    if (waiting_.size() == 1) flow_.Spawn(Renew());
    co_return co_await mine.Wait();
  }
  void Distrust() override { held_.reset(); }

 private:
  bool IsStillGood() const { return held_ && runtime_.WallNow() + kStillGood < held_->expires_at; }

  Task<void> Renew() {
    Result<RentedCredential> rented = co_await rent_();
    if (rented) held_ = *rented;
    if (!rented) renew_again_ = runtime_.Now() + kRenewAgain;
    const bool is_good = IsStillGood();
    for (const auto& one : std::exchange(waiting_, {})) {
      if (is_good) {
        one.Set(held_->credential);
      } else if (rented) {
        one.Set(Fail(Code::kUnauthenticated, "the token service gave credentials that have expired already"));
      } else {
        one.Set(Fail(Error(rented.error())));
      }
    }
  }

  Runtime& runtime_;
  std::function<Task<Result<RentedCredential>>()> rent_;
  std::optional<RentedCredential> held_;
  Instant renew_again_{};
  std::vector<OneShot<Result<Credential>>> waiting_;
  TaskScope flow_;
};

}  // namespace

std::unique_ptr<CredentialSource> FixedCredentials(Credential credential) {
  return std::make_unique<Fixed>(std::move(credential));
}

std::unique_ptr<CredentialSource> CredentialFiles(CredentialPaths paths) {
  return std::make_unique<Files>(std::move(paths));
}

std::unique_ptr<CredentialSource> RentedCredentials(Runtime& runtime,
                                                    std::function<Task<Result<RentedCredential>>()> rent) {
  return std::make_unique<Rented>(runtime, std::move(rent));
}

}  // namespace spillway::cloud::rest
