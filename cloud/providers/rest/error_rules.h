#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cloud/provider.h"

// What clouds' error codes mean to an agent; pure. No cloud has a closed list of them, so they are told by what they
// begin with or contain.
namespace spillway::cloud::rest {

struct ErrorRule {
  std::string_view part;
  bool at_start = false;
  Refusal refusal = Refusal::kTransient;
  Code code = Code::kInvalidArgument;
  const char* next_step = "";  // what somebody can do about it
};

// The first that matches decides; none does: the HTTP status.
ErrorRule RuleOf(std::span<const ErrorRule> rules, std::string_view code, int status);
ErrorRule RuleOfStatus(int status);

// A failure that the cloud has told in `words`, with the next step behind them.
CloudError ToldBy(const ErrorRule& rule, const std::string& words);

// Something answered with this HTTP status that is not the API: a gateway, most often. A success may have been one.
CloudError NotAnAnswer(int status);

// ---- what adapters say and ask themselves

CloudError Failed(Refusal refusal, Code code, std::string message);
// For those who know errors, not refusals: logs and commands.
tl::unexpected<Error> WithoutRefusal(const CloudError& failure);
// Of a deletion that failed: the instance is gone nevertheless, or may be.
bool MayBeGone(const CloudError& failure);
// By its name, init containers included; null: there is none.
const ContainerState* FindContainer(const Instance& instance, const std::string& name);

}  // namespace spillway::cloud::rest
