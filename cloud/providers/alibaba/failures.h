#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "cloud/provider.h"
#include "net/http_client.h"

// What Alibaba Cloud's error codes mean to an agent; pure. There is no closed list of them, so they are told by what
// they begin with or contain, and else by the HTTP status.
namespace spillway::cloud::alibaba {

// The data of an answer, or the failure that it is.
CloudResult<nlohmann::json> ReadAnswer(const net::HttpResponse& response);

// Our clock is too far from the cloud's.
bool IsClockSkew(const CloudError& failure);
// The key or token was good once: one that is read anew may be good again.
bool IsStaleCredential(const CloudError& failure);

// Why an instance was given up before any of it ran, by the reason of its condition ContainerInstanceCreated.
Refusal RefusalOfReason(std::string_view reason);

}  // namespace spillway::cloud::alibaba
