#include "tests/simulation/observed_transport.h"

#include <fmt/core.h>
#include <algorithm>

#include <utility>

#include "sandbox/standins/objects.h"
#include "tests/simulation/history.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;

constexpr std::size_t kNoBind = static_cast<std::size_t>(-1);

bool IsAbout(const kube::Request& request, std::string_view what) {
  return request.path.find(what) != std::string::npos;
}

// A lease as this request writes it.
struct WrittenLease {
  std::string holder;  // empty: it is given back
  Duration lasts{0};
};

std::optional<WrittenLease> LeaseIn(const kube::Request& request) {
  if (request.method == kube::Method::kGet || !IsAbout(request, "/leases")) return std::nullopt;
  const Json lease = Json::parse(request.body, nullptr, false);
  return WrittenLease{sandbox::Text(lease, {"spec", "holderIdentity"}),
                      std::chrono::seconds(sandbox::Number(lease, {"spec", "leaseDurationSeconds"}))};
}

}  // namespace

bool Deeds::WasRefusedSince(Instant since) const {
  return std::any_of(binds.rbegin(), binds.rend(), [since](const SentBind& bind) {
    return bind.sent >= since && bind.is_answered && !bind.is_known;
  });
}

const SentBind* Deeds::Find(const std::string& uid, const std::string& decision) const {
  for (auto bind = binds.rbegin(); bind != binds.rend(); ++bind) {
    if (bind->uid == uid && bind->decision == decision) return &*bind;
  }
  return nullptr;
}

void ObservedTransport::NoteWrite(const kube::Request& request) {
  if (request.method == kube::Method::kGet || IsAbout(request, "/events") || IsAbout(request, "/leases")) return;
  deeds_.writes.push_back(fmt::format("{} {}", kube::ToString(request.method), request.path));
  if (request.path.ends_with("/binding")) NoteBind(request);
}

void ObservedTransport::NoteBind(const kube::Request& request) {
  const Json binding = Json::parse(request.body, nullptr, false);
  SentBind bind{.uid = sandbox::Text(binding, {"metadata", "uid"}),
                .node = sandbox::Text(binding, {"target", "name"}),
                .decision = DecisionOf(binding),
                .version = sandbox::Text(binding, {"metadata", "resourceVersion"}),
                .sent = process_.Now(),
                .life = life_};
  JudgeBind(bind, request);
  JudgeLeader(request);
  deeds_.tried.insert(bind.uid);
  deeds_.binds.push_back(std::move(bind));
  if (deeds_.on_bind) std::exchange(deeds_.on_bind, nullptr)(life_);
}

void ObservedTransport::JudgeBind(const SentBind& bind, const kube::Request& request) {
  if (bind.decision.empty()) Found("explained", request.path + " was sent without the annotation of a decision");
  if (bind.uid.empty() || bind.version.empty())
    Found("bound-as-it-was-judged", request.path + " was sent without the Pod's uid and resourceVersion");
  for (auto other = deeds_.binds.rbegin(); other != deeds_.binds.rend() && other->life == life_; ++other) {
    if (other->uid != bind.uid || other->is_answered) continue;
    Found("one-bind-at-a-time", request.path + " was sent again before it was answered");
    return;
  }
}

void ObservedTransport::JudgeLeader(const kube::Request& request) {
  if (!renew_deadline_) return;
  const ControllerLife& life = deeds_.lives[life_];
  const Instant now = process_.Now();
  if (!life.leads_until || now > *life.leads_until) {
    const std::string since = life.leads_until ? base::FormatDuration(now - *life.leads_until) : "ever";
    Found("no-bind-after-the-deadline",
          fmt::format("{} sent {} though it had not led for {}", life.name, request.path, since));
  }
  const bool is_excused = deeds_.lease_deleted && now < *deeds_.lease_deleted + *renew_deadline_;
  if (is_excused || !deeds_.holder || deeds_.holder->life == life_ || now >= deeds_.holder->until) return;
  Found("one-leader", fmt::format("{} sent {} while {} held the lease", life.name, request.path,
                                  deeds_.lives[deeds_.holder->life].name));
}

Task<Result<kube::Response>> ObservedTransport::Send(kube::Request request) {
  const std::size_t binds_before = deeds_.binds.size();
  NoteWrite(request);
  const std::size_t bind = deeds_.binds.size() > binds_before ? binds_before : kNoBind;
  const Instant sent = process_.Now();
  const std::optional<WrittenLease> lease = LeaseIn(request);
  const bool gives_back = lease && lease->holder.empty();
  // Gone as soon as it may be.
  if (gives_back) {
    deeds_.lives[life_].leads_until.reset();
    if (!deeds_.lives[life_].gave_back) deeds_.lives[life_].gave_back = sent;
  }
  if (gives_back && deeds_.holder && deeds_.holder->life == life_) deeds_.holder.reset();
  const bool is_read = request.method == kube::Method::kGet;
  Task<Result<kube::Response>> exchange = inner_->Send(std::move(request));
  Result<kube::Response> response = co_await exchange;
  if (response && response->status == 429 && (is_read || bind != kNoBind) && deeds_.retry_after > Duration(0))
    response->retry_after = deeds_.retry_after;
  const bool is_done = response && response->status / 100 == 2;
  if (lease && !gives_back && is_done && renew_deadline_) {
    deeds_.lives[life_].leads_until = sent + *renew_deadline_;
    deeds_.holder = LeaseHolder{life_, sent + lease->lasts};
  }
  if (bind != kNoBind) {
    deeds_.binds[bind].is_answered = true;
    deeds_.binds[bind].is_known = is_done;
  }
  co_return response;
}

}  // namespace spillway::simulation
