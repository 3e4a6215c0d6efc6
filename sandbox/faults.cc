#include "sandbox/faults.h"

#include <algorithm>
#include <utility>

namespace spillway::sandbox {
namespace {

bool Covers(const std::string& wanted, const std::string& actual) { return wanted.empty() || wanted == actual; }

bool IsWrite(const std::string& verb) {
  return verb == "create" || verb == "update" || verb == "patch" || verb == "delete" || verb == "deletecollection";
}

}  // namespace

Faults::Faults(Runtime& runtime, std::uint64_t seed) : runtime_(runtime), random_(seed) {}

Faults::RuleId Faults::Add(FaultRule rule) {
  rules_.push_back({next_id_, std::move(rule)});
  return next_id_++;
}

void Faults::Remove(RuleId id) {
  std::erase_if(rules_, [id](const Entry& entry) { return entry.id == id; });
}

void Faults::Clear() { rules_.clear(); }

void Faults::Down(Duration span) {
  const Instant now = runtime_.Now();
  Add(FaultRule{.from = now, .until = now + span, .refused = 1});
  CutWatches("");
}

void Faults::CutWatches(std::string_view resource) {
  for (OpenWatch* watch : open_) {
    if (resource.empty() || watch->resource_ == resource) watch->on_cut_(false);
  }
}

void Faults::ExpireWatches(std::string_view resource) {
  for (OpenWatch* watch : open_) {
    if (resource.empty() || watch->resource_ == resource) watch->on_cut_(true);
  }
}

Faults::Verdict Faults::Judge(const RequestKey& request) {
  const Instant now = runtime_.Now();
  Verdict verdict;
  for (const auto& [id, rule] : rules_) {
    if (now < rule.from || now >= rule.until || !Covers(rule.user, request.user) || !Covers(rule.verb, request.verb) ||
        !Covers(rule.resource, request.resource)) {
      continue;
    }
    using Kind = Verdict::Kind;
    const auto strikes = [&](double probability) { return probability > 0 && random_.Chance(probability); };
    if (strikes(rule.delay)) verdict.delay = std::max(verdict.delay, random_.Between(rule.delay_min, rule.delay_max));
    verdict.kind = strikes(rule.refused)                                 ? Kind::kRefused
                   : strikes(rule.unavailable)                           ? Kind::kUnavailable
                   : strikes(rule.internal_error)                        ? Kind::kInternalError
                   : strikes(rule.throttle)                              ? Kind::kThrottle
                   : IsWrite(request.verb) && strikes(rule.conflict)     ? Kind::kConflict
                   : request.resumes && strikes(rule.gone)               ? Kind::kGone
                   : request.verb != "watch" && strikes(rule.lost_reply) ? Kind::kLostReply
                                                                         : Kind::kNone;
    if (verdict.kind != Kind::kNone) break;
  }
  if (verdict.delay > Duration(0)) ++counts_.delays;
  if (verdict.kind == Verdict::Kind::kRefused) ++counts_.refused;
  if (verdict.kind == Verdict::Kind::kLostReply) ++counts_.lost_replies;
  if (verdict.kind != Verdict::Kind::kNone && verdict.kind != Verdict::Kind::kRefused &&
      verdict.kind != Verdict::Kind::kLostReply) {
    ++counts_.errors;
  }
  return verdict;
}

Faults::WatchFate Faults::JudgeWatch(const RequestKey& request) {
  const Instant now = runtime_.Now();
  for (const auto& [id, rule] : rules_) {
    if (now < rule.from || now >= rule.until || rule.watch_lifetime <= Duration(0)) continue;
    if (!Covers(rule.user, request.user) || !Covers(rule.verb, request.verb) ||
        !Covers(rule.resource, request.resource)) {
      continue;
    }
    const Instant cut = now + random_.Exponential(rule.watch_lifetime);
    // A rule that ends before it would strike does not strike.
    if (cut < rule.until) return {cut, rule.watch_gone > 0 && random_.Chance(rule.watch_gone)};
  }
  return {};
}

Faults::OpenWatch::OpenWatch(Faults& faults, std::string resource, std::function<void(bool gone)> on_cut)
    : faults_(faults), resource_(std::move(resource)), on_cut_(std::move(on_cut)) {
  faults_.open_.push_back(this);
}

Faults::OpenWatch::~OpenWatch() { std::erase(faults_.open_, this); }

}  // namespace spillway::sandbox
