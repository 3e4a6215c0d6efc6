#include "kube/leader_election.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/scope.h"
#include "kube/json.h"
#include "kube/paths.h"

namespace spillway::kube {
namespace {

using nlohmann::json;

// client-go: those who wait try every retry_period * [1, 2.2).
constexpr double kJitter = 1.2;

// The spec of a Lease; an empty object when there is none.
const json& SpecOf(const json& lease) { return Members(At(lease, "spec")); }
std::string HolderOf(const json& lease) { return TextAt(SpecOf(lease), "holderIdentity"); }

}  // namespace

struct LeaderElector::Impl {
  Impl(Runtime& r, Client& c, LeaderElectionOptions o)
      : runtime(r), client(c), options(std::move(o)), random(r.random().Fork()), scope(r) {}
  ~Impl() { DropDeadline(); }

  std::string Name() const { return options.ns + "/" + options.name; }
  Task<void> Run();
  // True: the lease is ours, as of the moment this was called.
  Task<Result<bool>> TryToLead();
  Task<Result<bool>> Take(json lease, Instant sent);
  Task<Status> Write(Method method, json lease);
  Task<Result<json>> Exchange(Method method, std::string path, json body, Duration timeout);
  void Observe(const json& lease);
  bool Leads() const { return leading && runtime.Now() < renewed + options.renew_deadline; }
  void Renewed(Instant sent);
  void Call(std::function<void()> callback);
  void Tell(const Error& error);
  void Lose(std::string why);
  void DropDeadline();
  Task<Status> GiveBack(Instant deadline);

  Runtime& runtime;
  Client& client;
  LeaderElectionOptions options;
  Random random;
  std::function<void()> on_started;
  std::function<void(std::string)> on_lost;

  bool leading = false;   // the lease became ours and was not given up; see Leads()
  Instant renewed{};      // when the last renewal that succeeded was sent
  json held;              // the Lease as we last wrote it
  std::string observed;   // spec as last seen
  Instant observed_at{};  // when it last changed, by our clock
  std::string last_error;
  std::string told;  // of it, what the log has
  std::optional<TimerId> deadline;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // for what is posted
  TaskScope scope;
};

Task<void> LeaderElector::Impl::Run() {
  for (;;) {
    Result<bool> ours = co_await TryToLead();
    if (!ours) {
      Tell(ours.error());
    } else if (*ours && !leading) {
      leading = true;
      log::Info("became leader", {{"lease", Name()}, {"identity", options.identity}});
      Call(std::exchange(on_started, nullptr));
    } else if (!*ours && leading) {
      Lose(fmt::format("lease {} is held by {} now", Name(), HolderOf(held)));
      co_return;
    }
    const double stretch = leading ? 1.0 : 1.0 + kJitter * random.Unit();
    co_await runtime.SleepFor(
        Duration(static_cast<Duration::rep>(static_cast<double>(options.retry_period.count()) * stretch)));
  }
}

Task<Result<bool>> LeaderElector::Impl::TryToLead() {
  const Instant sent = runtime.Now();
  if (leading) {
    json lease = held;
    Result<bool> renewed = co_await Take(std::move(lease), sent);
    // On a conflict somebody, perhaps an earlier try of ours, has written it: look again.
    if (renewed || renewed.error().code != Code::kConflict) co_return renewed;
  }
  const Instant asked = runtime.Now();
  const Duration timeout = options.renew_deadline / 2;
  std::string path = LeasePath(options.ns, options.name);
  Result<json> lease = co_await Exchange(Method::kGet, std::move(path), json(), timeout);
  if (!lease) {
    if (lease.error().code != Code::kNotFound)
      co_return Fail(ExplainRefusal(std::move(lease.error()), "get", "leases"));
    json fresh;
    fresh["apiVersion"] = "coordination.k8s.io/v1";
    fresh["kind"] = "Lease";
    fresh["metadata"]["name"] = options.name;
    fresh["metadata"]["namespace"] = options.ns;
    Result<bool> created = co_await Take(std::move(fresh), asked);
    co_return created;
  }
  Observe(*lease);
  const std::string holder = HolderOf(*lease);
  const auto configured = std::chrono::duration_cast<std::chrono::seconds>(options.lease_duration).count();
  const Duration valid_for = std::chrono::seconds(Integer(At(SpecOf(*lease), "leaseDurationSeconds"), configured));
  if (!holder.empty() && holder != options.identity) {
    held = *lease;
    if (leading || runtime.Now() < observed_at + valid_for) co_return false;
  }
  Result<bool> taken = co_await Take(std::move(*lease), asked);
  co_return taken;
}

// Writes us into `lease`. A conflict means that somebody was faster.
Task<Result<bool>> LeaderElector::Impl::Take(json lease, Instant sent) {
  const bool exists = lease["metadata"].contains("resourceVersion");
  json spec = SpecOf(lease);
  const std::string now = base::FormatRfc3339Micro(runtime.WallNow());
  if (HolderOf(lease) != options.identity) {
    spec["acquireTime"] = now;
    spec["leaseTransitions"] = exists ? Integer(At(spec, "leaseTransitions")) + 1 : 0;
  }
  spec["holderIdentity"] = options.identity;
  spec["leaseDurationSeconds"] = std::chrono::duration_cast<std::chrono::seconds>(options.lease_duration).count();
  spec["renewTime"] = now;
  lease["spec"] = std::move(spec);
  Status written = co_await Write(exists ? Method::kPut : Method::kPost, std::move(lease));
  if (written) {
    Renewed(sent);
    co_return true;
  }
  if (!leading && (written.error().code == Code::kConflict || written.error().code == Code::kAlreadyExists))
    co_return false;
  co_return Fail(std::move(written.error()));
}

Task<Status> LeaderElector::Impl::Write(Method method, json lease) {
  const bool creates = method == Method::kPost;
  std::string path = LeasePath(options.ns, creates ? std::string_view() : std::string_view(options.name));
  Result<json> written = co_await Exchange(method, std::move(path), std::move(lease), options.renew_deadline / 2);
  if (!written) {
    const Code code = written.error().code;
    if (code == Code::kConflict || code == Code::kAlreadyExists) co_return Fail(std::move(written.error()));
    co_return Fail(ExplainRefusal(std::move(written.error()), creates ? "create" : "update", "leases"));
  }
  if (!written->is_object()) co_return Fail(Code::kMalformed, "the answer is not a Lease");
  Observe(*written);
  held = std::move(*written);
  co_return Status();
}

Task<Result<json>> LeaderElector::Impl::Exchange(Method method, std::string path, json body, Duration timeout) {
  Request request;
  request.method = method;
  request.path = std::move(path);
  if (!body.is_null()) request.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  request.timeout = timeout;
  Result<Response> response = co_await client.Send(std::move(request));
  if (!response) co_return Fail(std::move(response.error()));
  if (response->status < 200 || response->status > 299) co_return Fail(ToError(*response));
  json decoded = json::parse(response->body, nullptr, false);
  if (!decoded.is_object()) co_return Fail(Code::kMalformed, "the answer is not a Lease");
  co_return std::move(decoded);
}

void LeaderElector::Impl::Observe(const json& lease) {
  std::string spec = SpecOf(lease).dump(-1, ' ', false, json::error_handler_t::replace);
  if (spec == observed) return;
  observed = std::move(spec);
  observed_at = runtime.Now();
}

// Once for each cause; an outage is told by ServerHealth.
void LeaderElector::Impl::Tell(const Error& error) {
  last_error = error.message;
  if (leading || client.health().is_out() || told == last_error) return;
  told = last_error;
  log::Warning("cannot compete for the lease", {{"lease", Name()}, {"why", last_error}});
}

// Not from the flow that calls: the callback may destroy it. Nor after our end: the callback's owner may be gone too.
void LeaderElector::Impl::Call(std::function<void()> callback) {
  runtime.Post([callback = std::move(callback), alive = std::weak_ptr<bool>(alive)] {
    if (callback && !alive.expired()) callback();
  });
}

void LeaderElector::Impl::Renewed(Instant sent) {
  DropDeadline();
  renewed = sent;
  deadline = runtime.PostAt(sent + options.renew_deadline, [this] {
    deadline.reset();
    scope.Clear();
    Lose(fmt::format("lease {} could not be renewed for {}: {}", Name(), base::FormatDuration(options.renew_deadline),
                     last_error.empty() ? "no answer" : last_error));
  });
}

void LeaderElector::Impl::DropDeadline() {
  if (deadline) runtime.CancelTimer(*std::exchange(deadline, std::nullopt));
}

void LeaderElector::Impl::Lose(std::string why) {
  DropDeadline();
  leading = false;
  if (on_lost == nullptr) return;
  Call([call = std::exchange(on_lost, nullptr), why = std::move(why)] { call(why); });
}

// Conflicts once at most by our own doing: with a renewal that was under way.
Task<Status> LeaderElector::Impl::GiveBack(Instant until) {
  json lease = held;
  for (int tries = 0;; ++tries) {
    json spec = SpecOf(lease);
    spec["holderIdentity"] = "";
    spec["leaseDurationSeconds"] = 1;
    spec["renewTime"] = base::FormatRfc3339Micro(runtime.WallNow());
    lease["spec"] = std::move(spec);
    std::string path = LeasePath(options.ns, options.name);
    json body = lease;
    Result<json> written = co_await Exchange(Method::kPut, std::move(path), std::move(body), until - runtime.Now());
    if (written) co_return Status();
    if (written.error().code != Code::kConflict || tries > 0 || runtime.Now() >= until)
      co_return Fail(std::move(written.error()));
    path = LeasePath(options.ns, options.name);
    Result<json> current = co_await Exchange(Method::kGet, std::move(path), json(), until - runtime.Now());
    if (!current) co_return Fail(std::move(current.error()));
    if (HolderOf(*current) != options.identity) co_return Status();  // no longer ours to give
    lease = std::move(*current);
  }
}

LeaderElector::LeaderElector(Runtime& runtime, Client& client, LeaderElectionOptions options)
    : impl_(std::make_unique<Impl>(runtime, client, std::move(options))) {}

LeaderElector::~LeaderElector() = default;

void LeaderElector::Start(std::function<void()> on_started, std::function<void(std::string why)> on_lost) {
  impl_->on_started = std::move(on_started);
  impl_->on_lost = std::move(on_lost);
  impl_->scope.Spawn(impl_->Run());
}

bool LeaderElector::is_leader() const { return impl_->Leads(); }
std::string LeaderElector::holder() const { return HolderOf(impl_->held); }

Task<void> LeaderElector::Release(Instant deadline) {
  impl_->scope.Clear();
  impl_->DropDeadline();
  if (!std::exchange(impl_->leading, false) || impl_->runtime.Now() >= deadline) co_return;
  Status released = co_await impl_->GiveBack(deadline);
  if (!released)
    log::Warning("could not give the lease back", {{"lease", impl_->Name()}, {"why", released.error().message}});
}

}  // namespace spillway::kube
