#include "kube/event_recorder.h"

#include <fmt/core.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "base/rarely.h"
#include "base/scope.h"
#include "base/sync.h"
#include "base/text.h"
#include "kube/backoff.h"
#include "kube/paths.h"

namespace spillway::kube {
namespace {

using base::Cut;

using nlohmann::json;

constexpr Duration kObjectRefill = std::chrono::minutes(5);
constexpr int kMaxTries = 12;
constexpr BackoffOptions kRetry{std::chrono::seconds(1), std::chrono::seconds(10), 0.25};
constexpr Duration kQuiet = std::chrono::minutes(6);
constexpr Duration kRefresh = std::chrono::minutes(30);
constexpr Duration kSweep = std::chrono::minutes(1);
constexpr Duration kLookForPermission = std::chrono::seconds(10);
constexpr std::size_t kMaxRefused = 1000;
// API validation: core/validation/events.go.
constexpr std::size_t kMaxNote = 1024;
constexpr std::size_t kMaxField = 128;
constexpr std::size_t kMaxName = 253;

struct Series {
  Event event;
  std::string ns, name;  // of the Event object
  WallTime first{}, last_wall{};
  Instant last{};        // when last observed
  Instant written{};     // when last queued for writing
  int count = 1;         // observed
  int queued_count = 1;  // of which the API server knows or will
};

// What makes two events the same: not the note, nor the version of the object.
struct ByIdentity {
  using is_transparent = void;
  static auto IdentityOf(const Event& event) {
    const ObjectReference& about = event.regarding;
    return std::tie(about.kind, about.ns, about.name, about.uid, event.type, event.reason, event.action, event.subject);
  }
  static auto IdentityOf(const std::shared_ptr<Series>& series) { return IdentityOf(series->event); }
  bool operator()(const auto& a, const auto& b) const { return IdentityOf(a) < IdentityOf(b); }
};

struct Write {
  std::shared_ptr<Series> series;
  bool create = true;
};

// Which objects have been told of lately. Source: client-go EventSourceObjectSpamFilter.
class ObjectBuckets {
 public:
  explicit ObjectBuckets(int burst) : burst_(burst) {}
  bool Take(const std::string& uid, Instant now) {
    if (burst_ == 0) return true;
    Bucket& bucket = buckets_.try_emplace(uid, Bucket{burst_, now}).first->second;
    const auto refilled = (now - bucket.since) / kObjectRefill;
    bucket.left = static_cast<int>(std::min<std::int64_t>(burst_, bucket.left + refilled));
    bucket.since += refilled * kObjectRefill;
    if (bucket.left == 0) return false;
    --bucket.left;
    return true;
  }
  // Forgets those that are full again.
  void Sweep(Instant now) {
    std::erase_if(buckets_, [&](const auto& entry) {
      return entry.second.left + (now - entry.second.since) / kObjectRefill >= burst_;
    });
  }

 private:
  struct Bucket {
    int left;
    Instant since;
  };
  int burst_;
  std::map<std::string, Bucket> buckets_;
};

json ToJson(const ObjectReference& about) {
  json result;
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) result[key] = value;
  };
  set("apiVersion", about.api_version);
  set("kind", about.kind);
  set("namespace", about.ns);
  set("name", about.name);
  set("uid", about.uid);
  set("resourceVersion", about.resource_version);
  return result;
}

json SeriesJson(const Series& series) {
  json result;
  result["count"] = series.count;
  result["lastObservedTime"] = base::FormatRfc3339Micro(series.last_wall);
  return result;
}

}  // namespace

struct EventRecorder::Impl {
  Impl(Runtime& r, Client& c, std::string controller_name, std::string instance_name, EventRecorderOptions o)
      : runtime(r),
        client(c),
        controller(Cut(std::move(controller_name), kMaxField)),
        instance(Cut(std::move(instance_name), kMaxField)),
        options(o),
        objects(o.per_object),
        limiter(r, o.per_second, o.burst),
        work(r),
        idle(r),
        was_refused(r),
        scope(r) {
    scope.Spawn(WriteQueue());
    scope.Spawn(RetryRefused());
    scope.Spawn(Sweep());
  }

  bool Record(Event event);
  void Repeat(const std::shared_ptr<Series>& series);
  bool Enqueue(std::shared_ptr<Series> series, bool create);
  std::deque<Write>& QueueOf(const Write& write) {
    return write.series->event.type == Event::Type::kWarning ? warnings : normals;
  }
  std::size_t queued() const { return warnings.size() + normals.size(); }
  json Body(const Series& series) const;
  Task<void> WriteQueue();
  Task<void> WriteWithRetries(Write write);
  Task<Result<json>> WriteOnce(Write write);
  // A name of ours that exists was written by an earlier try whose answer was lost.
  static bool IsThere(const Result<json>& written) { return written || written.error().code == Code::kAlreadyExists; }
  // Somebody may give the permission back.
  static bool MayPass(const Error& error) {
    return error.code == Code::kPermissionDenied && !error.HasCause("NamespaceTerminating");
  }
  void PutAside(Write write);
  Task<void> RetryRefused();
  void Complain(const Error& error, bool create);
  Task<void> Sweep();
  void SweepOnce();

  Runtime& runtime;
  Client& client;
  const std::string controller, instance;
  EventCounts counts;
  std::set<std::shared_ptr<Series>, ByIdentity> cache;
  const EventRecorderOptions options;
  ObjectBuckets objects;
  std::deque<Write> warnings, normals;
  std::deque<Write> refused;  // for want of a permission: the others go on
  bool writing = false;
  std::int64_t last_name = 0;
  bool complained = false;
  RateLimiter limiter;
  Signal work, idle, was_refused;
  TaskScope scope;
};

bool EventRecorder::Impl::Record(Event event) {
  event.reason = Cut(std::move(event.reason), kMaxField);
  event.action = Cut(event.action.empty() ? event.reason : std::move(event.action), kMaxField);
  event.note = Cut(std::move(event.note), kMaxNote, " ...");
  if (const auto known = cache.find(event); known != cache.end()) {
    if (runtime.Now() - (*known)->last < kQuiet) {
      Repeat(*known);
      return true;
    }
    cache.erase(known);
  }
  const auto series = std::make_shared<Series>();
  series->first = series->last_wall = runtime.WallNow();
  series->last = runtime.Now();
  // client-go's "<name>.<nanoseconds in hex>", but never the same twice.
  last_name = std::max(last_name + 1, static_cast<std::int64_t>(series->first.time_since_epoch().count()));
  const std::string suffix = fmt::format(".{:x}", last_name);
  series->name = Cut(event.regarding.name, kMaxName - suffix.size()) + suffix;
  series->ns = event.regarding.ns.empty() ? "default" : event.regarding.ns;
  series->event = std::move(event);
  if (!objects.Take(series->event.regarding.uid, runtime.Now())) {
    ++counts.dropped;
    return false;
  }
  if (!Enqueue(series, true)) return false;
  cache.insert(series);
  return true;
}

void EventRecorder::Impl::Repeat(const std::shared_ptr<Series>& series) {
  ++counts.repeated;
  ++series->count;
  series->last = runtime.Now();
  series->last_wall = runtime.WallNow();
  if (series->queued_count == 1) Enqueue(series, false);
}

bool EventRecorder::Impl::Enqueue(std::shared_ptr<Series> series, bool create) {
  const bool is_warning = series->event.type == Event::Type::kWarning;
  const std::size_t places = is_warning ? options.queue : options.queue - options.for_warnings;
  if (queued() >= places || Rarely(runtime, "events: queue full")) {
    ++counts.dropped;
    return false;
  }
  series->written = runtime.Now();
  series->queued_count = series->count;
  Write write{std::move(series), create};
  QueueOf(write).push_back(std::move(write));
  work.Notify();
  return true;
}

json EventRecorder::Impl::Body(const Series& series) const {
  json body;
  body["apiVersion"] = "events.k8s.io/v1";
  body["kind"] = "Event";
  body["metadata"]["name"] = series.name;
  body["metadata"]["namespace"] = series.ns;
  body["eventTime"] = base::FormatRfc3339Micro(series.first);
  body["reportingController"] = controller;
  body["reportingInstance"] = instance;
  body["type"] = series.event.type == Event::Type::kWarning ? "Warning" : "Normal";
  body["reason"] = series.event.reason;
  body["action"] = series.event.action;
  body["note"] = series.event.note;
  body["regarding"] = ToJson(series.event.regarding);
  return body;
}

Task<void> EventRecorder::Impl::WriteQueue() {
  for (;;) {
    while (queued() == 0) {
      writing = false;
      idle.Notify();
      co_await work.Wait();
    }
    writing = true;
    co_await limiter.Acquire();
    std::deque<Write>& first = warnings.empty() ? normals : warnings;
    Write write = std::move(first.front());
    first.pop_front();
    co_await WriteWithRetries(std::move(write));
  }
}

Task<void> EventRecorder::Impl::WriteWithRetries(Write write) {
  Backoff backoff(kRetry, runtime.random().Fork());
  for (int tries = 1;; ++tries) {
    Result<json> written = co_await WriteOnce(write);
    if (IsThere(written)) {
      if (write.create) ++counts.emitted;
      co_return;
    }
    const Error& error = written.error();
    if (MayPass(error)) {
      Complain(error, write.create);
      PutAside(std::move(write));
      co_return;
    }
    // A conflict is between others: nothing that we write depends on what was there.
    const bool is_worth_a_try = IsTransient(error) || error.code == Code::kConflict;
    if (!is_worth_a_try || tries >= kMaxTries) {
      ++counts.failed;
      Complain(error, write.create);
      co_return;
    }
    const Duration pause = std::max(backoff.Next(), error.retry_after);
    co_await runtime.SleepFor(pause);
  }
}

void EventRecorder::Impl::Complain(const Error& error, bool create) {
  if (std::exchange(complained, true)) return;
  const std::string why = ExplainRefusal(error, create ? "create" : "patch", "events.events.k8s.io").message;
  log::Warning("events cannot be written; this is said once, failures are counted", {{"why", why}});
}

void EventRecorder::Impl::PutAside(Write write) {
  if (refused.size() >= kMaxRefused) {
    ++counts.failed;
    return;
  }
  refused.push_back(std::move(write));
  was_refused.Notify();
}

// One is tried at a time, in turn, for it may be one namespace that is forbidden; once one passes, all are tried.
Task<void> EventRecorder::Impl::RetryRefused() {
  for (;;) {
    while (refused.empty()) co_await was_refused.Wait();
    co_await runtime.SleepFor(kLookForPermission);
    Write write = std::move(refused.front());
    refused.pop_front();
    const Result<json> written = co_await WriteOnce(write);
    if (IsThere(written)) {
      if (write.create) ++counts.emitted;
      for (Write& each : std::exchange(refused, {})) QueueOf(each).push_back(std::move(each));
      work.Notify();
    } else if (MayPass(written.error()) || IsTransient(written.error())) {
      refused.push_back(std::move(write));
    } else {
      ++counts.failed;
    }
  }
}

Task<Result<json>> EventRecorder::Impl::WriteOnce(Write write) {
  const Series& series = *write.series;
  if (!write.create) {
    json patch;
    patch["series"] = SeriesJson(series);
    std::string path = EventPath(series.ns, series.name);
    Result<json> patched = co_await client.MergePatch(std::move(path), std::move(patch));
    if (patched || patched.error().code != Code::kNotFound) co_return patched;
    // It has expired: write it anew, with what it has become.
  }
  json body = Body(series);
  if (!write.create) body["series"] = SeriesJson(series);
  std::string path = EventPath(series.ns);
  Result<json> created = co_await client.Create(std::move(path), std::move(body));
  co_return created;
}

Task<void> EventRecorder::Impl::Sweep() {
  for (;;) {
    co_await runtime.SleepFor(kSweep);
    SweepOnce();
  }
}

void EventRecorder::Impl::SweepOnce() {
  const Instant now = runtime.Now();
  objects.Sweep(now);
  for (auto entry = cache.begin(); entry != cache.end();) {
    const std::shared_ptr<Series> series = *entry;
    const bool quiet = now - series->last >= kQuiet;
    const bool due = quiet || now - series->written >= kRefresh;
    if (due && series->count > series->queued_count) Enqueue(series, false);
    entry = quiet ? cache.erase(entry) : std::next(entry);
  }
}

EventRecorder::EventRecorder(Runtime& runtime, Client& client, std::string controller, std::string instance,
                             EventRecorderOptions options)
    : impl_(std::make_unique<Impl>(runtime, client, std::move(controller), std::move(instance), options)) {}

EventRecorder::~EventRecorder() = default;

bool EventRecorder::Record(Event event) { return impl_->Record(std::move(event)); }

Task<void> EventRecorder::Flush(Instant deadline) {
  while ((impl_->writing || impl_->queued() > 0) && impl_->runtime.Now() < deadline) {
    co_await impl_->idle.WaitUntil(deadline);
  }
}

const EventCounts& EventRecorder::counts() const { return impl_->counts; }

}  // namespace spillway::kube
