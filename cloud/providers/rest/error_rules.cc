#include "cloud/providers/rest/error_rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace spillway::cloud::rest {
namespace {

bool Matches(const ErrorRule& rule, std::string_view code) {
  return rule.at_start ? code.starts_with(rule.part) : code.find(rule.part) != std::string_view::npos;
}

}  // namespace

ErrorRule RuleOfStatus(int status) {
  if (status == 401) return {"", false, Refusal::kAuth, Code::kUnauthenticated};
  if (status == 403) return {"", false, Refusal::kAuth, Code::kPermissionDenied};
  if (status == 429) return {"", false, Refusal::kThrottled, Code::kThrottled};
  if (status >= 400 && status < 500) return {"", false, Refusal::kInvalid, Code::kInvalidArgument};
  return {"", false, Refusal::kTransient, Code::kUnavailable};
}

ErrorRule RuleOf(std::span<const ErrorRule> rules, std::string_view code, int status) {
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const ErrorRule& one) { return Matches(one, code); });
  return rule == rules.end() ? RuleOfStatus(status) : *rule;
}

CloudError ToldBy(const ErrorRule& rule, const std::string& words) {
  std::string text = Words(words);
  if (*rule.next_step != '\0') text += fmt::format("; {}", rule.next_step);
  return Failed(rule.refusal, rule.code, std::move(text));
}

CloudError NotAnAnswer(int status) {
  const bool is_success = status >= 200 && status < 300;
  const ErrorRule rule = RuleOfStatus(status);
  return Failed(rule.refusal, is_success ? Code::kUnavailable : rule.code,
                fmt::format("HTTP {} with no answer of this API", status));
}

CloudError Failed(Refusal refusal, Code code, std::string message) {
  CloudError failure;
  failure.refusal = refusal;
  failure.error = Error{code, std::move(message)};
  return failure;
}

tl::unexpected<Error> WithoutRefusal(const CloudError& failure) {
  Error error = failure.error;
  error.message = ToString(failure);
  return Fail(std::move(error));
}

bool MayBeGone(const CloudError& failure) { return failure.error.code == Code::kNotFound || failure.is_uncertain(); }

const ContainerState* FindContainer(const Instance& instance, const std::string& name) {
  for (const auto* list : {&instance.containers, &instance.init_containers}) {
    for (const ContainerState& state : *list) {
      if (state.name == name) return &state;
    }
  }
  return nullptr;
}

}  // namespace spillway::cloud::rest
