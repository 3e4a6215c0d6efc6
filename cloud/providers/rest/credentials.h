#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"
#include "base/time.h"

namespace spillway::cloud::rest {

// Who calls. Never for logs, events, errors or digests.
struct Credential {
  std::string key_id, secret;
  std::string session_token;  // of temporary credentials; else empty
  bool operator==(const Credential&) const = default;
};

// Where credentials come from. Loop thread only. Its errors name the place and what is wrong with it, never a content;
// kUnavailable: it may come right by itself, anything else: somebody has to act.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  virtual Task<Result<Credential>> Get() = 0;
  // The cloud has refused what Get() gave last: ask anew.
  virtual void Distrust() {}
};

std::unique_ptr<CredentialSource> FixedCredentials(Credential credential);

// Files that somebody rotates, such as those of a mounted Secret: read again when they have changed, blanks around what
// they hold cut off.
struct CredentialPaths {
  std::string key_id, secret;
  std::string session_token;  // empty: none
};
std::unique_ptr<CredentialSource> CredentialFiles(CredentialPaths paths);

// What a token service gives for a while.
struct RentedCredential {
  Credential credential;
  WallTime expires_at{};
};
// Rents anew before the end; those who ask meanwhile share one `rent`. While what is held is still good, a failed
// renewal is nobody's trouble. The runtime outlives it.
std::unique_ptr<CredentialSource> RentedCredentials(Runtime& runtime,
                                                    std::function<Task<Result<RentedCredential>>()> rent);

}  // namespace spillway::cloud::rest
