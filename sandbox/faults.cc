#include "sandbox/faults.h"

#include <algorithm>
#include <utility>

namespace spillway::sandbox {
namespace {

constexpr Duration kLagStandsFor = std::chrono::seconds(3);  // on average
constexpr Duration kWorthCounting = std::chrono::milliseconds(100);

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
    if (resource.empty() || watch->watch_.resource == resource) watch->on_cut_(false);
  }
}

void Faults::ExpireWatches(std::string_view resource) {
  for (OpenWatch* watch : open_) {
    if (resource.empty() || watch->watch_.resource == resource) watch->on_cut_(true);
  }
}

void Faults::Partition(const std::string& user, Duration span) {
  const Instant now = runtime_.Now();
  Add(FaultRule{.user = user, .from = now, .until = now + span, .refused = 1});
  for (OpenWatch* watch : open_) {
    if (watch->watch_.user == user) watch->on_cut_(false);
  }
}

void Faults::PartitionSilently(const std::string& user, Duration span) {
  const Instant now = runtime_.Now();
  Add(FaultRule{.user = user, .from = now, .until = now + span, .silent = 1});
}

bool Faults::Applies(const FaultRule& rule, const RequestKey& request) const {
  const Instant now = runtime_.Now();
  return now >= rule.from && now < rule.until && Covers(rule.user, request.user) && Covers(rule.verb, request.verb) &&
         Covers(rule.resource, request.resource);
}

Faults::Verdict::Kind Faults::Strike(const FaultRule& rule, const RequestKey& request) {
  using Kind = Verdict::Kind;
  const auto strikes = [&](double probability) { return probability > 0 && random_.Chance(probability); };
  if (strikes(rule.refused)) return Kind::kRefused;
  if (strikes(rule.silent)) return Kind::kSilent;
  if (strikes(rule.unavailable)) return Kind::kUnavailable;
  if (strikes(rule.internal_error)) return Kind::kInternalError;
  if (strikes(rule.throttle)) return Kind::kThrottle;
  if (strikes(rule.forbidden)) return Kind::kForbidden;
  if (IsWrite(request.verb) && strikes(rule.conflict)) return Kind::kConflict;
  if (request.resumes && strikes(rule.gone)) return Kind::kGone;
  if (request.verb == "watch") return Kind::kNone;
  if (strikes(rule.lost_reply)) return Kind::kLostReply;
  return strikes(rule.cut_answer) ? Kind::kCutAnswer : Kind::kNone;
}

Faults::Verdict Faults::Judge(const RequestKey& request) {
  Verdict verdict;
  for (const auto& [id, rule] : rules_) {
    if (!Applies(rule, request)) continue;
    if (rule.delay > 0 && random_.Chance(rule.delay))
      verdict.delay = std::max(verdict.delay, random_.Between(rule.delay_min, rule.delay_max));
    if (rule.page_limit > 0) verdict.page_limit = rule.page_limit;
    if (verdict.kind != Verdict::Kind::kNone) continue;
    verdict.kind = Strike(rule, request);
    verdict.silent_until = rule.until;
  }
  Count(verdict);
  return verdict;
}

void Faults::Count(const Verdict& verdict) {
  if (verdict.delay > Duration(0)) ++counts_.delays;
  switch (verdict.kind) {
    case Verdict::Kind::kNone:
      return;
    case Verdict::Kind::kUnavailable:
      ++counts_.unavailable;
      return;
    case Verdict::Kind::kInternalError:
      ++counts_.internal_errors;
      return;
    case Verdict::Kind::kThrottle:
      ++counts_.throttled;
      return;
    case Verdict::Kind::kConflict:
      ++counts_.conflicts;
      return;
    case Verdict::Kind::kGone:
      ++counts_.gone;
      return;
    case Verdict::Kind::kLostReply:
      ++counts_.lost_replies;
      return;
    case Verdict::Kind::kRefused:
      ++counts_.refused;
      return;
    case Verdict::Kind::kSilent:
      ++counts_.silent;
      return;
    case Verdict::Kind::kForbidden:
      ++counts_.forbidden;
      return;
    case Verdict::Kind::kCutAnswer:
      ++counts_.cut_answers;
      return;
  }
}

Faults::WatchFate Faults::JudgeWatch(const RequestKey& request) {
  const Instant now = runtime_.Now();
  for (const auto& [id, rule] : rules_) {
    if (rule.watch_lifetime <= Duration(0) || !Applies(rule, request)) continue;
    const Instant cut = now + random_.Exponential(rule.watch_lifetime);
    // A rule that ends before it would strike does not strike.
    if (cut < rule.until) return {cut, rule.watch_gone > 0 && random_.Chance(rule.watch_gone)};
  }
  return {};
}

Instant Faults::Lag::Arrival() {
  const Instant now = faults_.runtime_.Now();
  Duration longest{0};
  Instant silent_until = now;
  for (const auto& [id, rule] : faults_.rules_) {
    if (!faults_.Applies(rule, watch_)) continue;
    longest = std::max(longest, rule.watch_lag);
    if (rule.silent >= 1) silent_until = std::max(silent_until, rule.until);
  }
  if (longest > Duration(0) && now >= redraw_) {
    behind_ = faults_.random_.Between(Duration(0), longest);
    redraw_ = now + faults_.random_.Exponential(kLagStandsFor);
  }
  last_ = std::max({last_, silent_until, now + std::min(behind_, longest)});
  if (last_ >= now + kWorthCounting) ++faults_.counts_.late_events;
  return last_;
}

Faults::OpenWatch::OpenWatch(Faults& faults, RequestKey watch, std::function<void(bool gone)> on_cut)
    : faults_(faults), watch_(std::move(watch)), on_cut_(std::move(on_cut)) {
  faults_.open_.push_back(this);
}

Faults::OpenWatch::~OpenWatch() { std::erase(faults_.open_, this); }

}  // namespace spillway::sandbox
