#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "cloud/provider.h"
#include "net/http_client.h"

// What Tencent Cloud's answers and error codes mean to an agent; pure. Errors come with HTTP 200, so that the code
// alone says what is wrong.
namespace spillway::cloud::tencent {

// The content of "Response", or the failure that it tells.
CloudResult<nlohmann::json> ReadAnswer(const net::HttpResponse& response);

// Our clock is too far from the cloud's.
bool IsClockSkew(const CloudError& failure);
// The key or token was good once: one that is read anew may be good again.
bool IsStaleCredential(const CloudError& failure);

// The events of an instance on its way in which the cloud gives a reason why it has no place for it: kStock. nullopt:
// this event says nothing of the kind.
std::optional<Refusal> RefusalOfEvent(std::string_view reason, std::string_view message);

}  // namespace spillway::cloud::tencent
