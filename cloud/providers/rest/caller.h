#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/runtime.h"
#include "base/task.h"
#include "cloud/provider.h"
#include "cloud/providers/rest/credentials.h"
#include "cloud/providers/rest/token_bucket.h"
#include "net/http_client.h"

// Calls to a cloud's REST API, whatever the cloud: limits, credentials, signatures, clocks, failures.
namespace spillway::cloud::rest {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// What is asked for, as the cloud's API names it: neither addressed nor signed.
struct Call {
  std::string api;        // "CreateContainerGroup": has limits of its own, and is what errors name
  Parameters parameters;  // of clouds whose requests are a list of them
  std::string body;       // of clouds whose requests are JSON
  Duration timeout = std::chrono::seconds(15);
};

// When a request is signed, and a number that is used once.
struct SigningMoment {
  WallTime now{};
  std::string nonce;  // 32 hexadecimal digits
};

// How one cloud speaks; pure. A test gives it to the caller as it gives a transport.
struct Dialect {
  std::function<net::HttpRequest(const Call&, const Credential&, const SigningMoment&)> sign;
  // The data of a complete answer, or what the cloud says is wrong.
  std::function<CloudResult<nlohmann::json>(const net::HttpResponse&)> read;
  // By cloud codes: our clock is wrong; these credentials have run out. Either is mended, and the call made again.
  std::function<bool(const CloudError&)> is_clock_skew, is_stale_credential;
};

struct CallerOptions {
  std::map<std::string, RateLimit> limits;       // by api
  RateLimit other_limit;                         // of each api that is not named
  double share = 1;                              // of all limits: others use the account too
  Duration patience = std::chrono::seconds(20);  // in line; what would wait longer is refused as throttled
};

// What was done, for figures. By api.
struct CallCounts {
  std::uint64_t calls = 0, throttled = 0, failed = 0;
};

// Loop thread only; what it refers to outlives it, and it outlives the flows that wait in Send(). Each API has a line
// of its own: a burst of one keeps no other waiting.
class Caller {
 public:
  Caller(Runtime& runtime, net::HttpClient& client, CredentialSource& credentials, Dialect dialect,
         CallerOptions options);

  // Never sends twice what may have been carried out. The error names the API, the cloud's code and its request id.
  Task<CloudResult<nlohmann::json>> Send(Call call);

  const std::map<std::string, CallCounts>& counts() const { return counts_; }

 private:
  Task<CloudResult<nlohmann::json>> Try(const Call& call, bool* may_try_again);
  TokenBucket& LineOf(const std::string& api);
  // Whether what is wrong could be mended.
  bool Mend(const CloudError& failure, const net::HttpResponse& response);
  SigningMoment Moment();

  Runtime& runtime_;
  net::HttpClient& client_;
  CredentialSource& credentials_;
  Dialect dialect_;
  CallerOptions options_;
  Duration clock_offset_{0};  // of the cloud's clock to ours
  std::map<std::string, TokenBucket> lines_;
  std::map<std::string, CallCounts> counts_;
};

// No complete answer came, or nothing could be sent.
CloudError NoAnswer(Error error);
// "Thu, 06 Feb 2020 07:32:54 GMT", as the Date header has it; nullopt when malformed.
std::optional<WallTime> ParseHttpDate(std::string_view text);
// Of a response; empty when absent. `lower_case_name` as such.
std::string HeaderOf(const net::HttpResponse& response, std::string_view lower_case_name);

}  // namespace spillway::cloud::rest
