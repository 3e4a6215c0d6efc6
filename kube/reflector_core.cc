#include "kube/reflector_core.h"

#include <fmt/core.h>

#include <utility>

#include "base/log.h"

namespace spillway::kube::internal {
namespace {

constexpr Duration kListTimeout = std::chrono::seconds(60);
// The server ends a watch after a time of our choosing; different for each, so that they do not all come back at once.
constexpr Duration kShortestWatch = std::chrono::minutes(5);
constexpr Duration kLongestWatch = std::chrono::minutes(10);
// A watch that ends this soon without a word is not one that ran its time.
constexpr Duration kTooShort = std::chrono::seconds(1);
// One that stood this long has shown that the server is well.
constexpr Duration kProofOfHealth = std::chrono::seconds(10);
// So many failures in a row, and our place may be one that the server will never know again (a restored etcd).
constexpr int kFailuresBeforeRelist = 5;
// Changed objects kept until the end of a relist, so that deletions can go first.
constexpr std::size_t kMaxHeldBack = 10'000;
constexpr std::size_t kMaxComplaints = 1'000;

}  // namespace

ReflectorCore::ReflectorCore(Runtime& runtime, Transport& transport, ReflectorOptions options, DecodeObject decode,
                             Deliver deliver)
    : runtime_(runtime),
      transport_(transport),
      options_(std::move(options)),
      decode_(decode),
      deliver_(std::move(deliver)),
      backoff_(BackoffOptions{}, runtime.random().Fork()),
      page_size_(options_.page_size),
      self_(std::make_shared<ReflectorCore*>(this)),
      scope_(runtime) {}

ReflectorCore::~ReflectorCore() {
  *self_ = nullptr;
  DropGuard();
}

Task<void> ReflectorCore::Run() {
  for (;;) {
    Status listed = co_await List();
    if (listed) {
      co_await WatchUntilLost();
    } else {
      co_await Recover(std::move(listed.error()), "list");
    }
  }
}

// ---- list

std::string ReflectorCore::Path(std::string_view query) const {
  std::string path = fmt::format("{}?{}", options_.path, query);
  if (!options_.field_selector.empty()) path += "&fieldSelector=" + UrlEncode(options_.field_selector);
  if (!options_.label_selector.empty()) path += "&labelSelector=" + UrlEncode(options_.label_selector);
  return path;
}

std::string ReflectorCore::Accept(std::string_view kind) const {
  if (!options_.metadata_only) return "application/json";
  return fmt::format("application/json;as={};g=meta.k8s.io;v=v1,application/json", kind);
}

Task<Result<ListPage>> ReflectorCore::FetchPage(std::shared_ptr<Decoder> decoder, std::string continue_token) {
  auto sink = std::make_shared<PageSink>(std::move(decoder), decode_);
  Request request;
  request.path = Path(fmt::format("limit={}", page_size_));
  if (!continue_token.empty()) request.path += "&continue=" + UrlEncode(continue_token);
  request.accept = Accept("PartialObjectMetadataList");
  request.timeout = kListTimeout;
  request.sink = sink;
  Result<Response> response = co_await transport_.Send(std::move(request));
  if (!response) co_return Fail(std::move(response.error()));
  if (response->status < 200 || response->status > 299) co_return Fail(ToError(*response));
  co_return sink->Take();
}

Task<Status> ReflectorCore::List() {
  ++counts_.lists;
  index_.BeginList();
  held_back_.clear();
  unidentified_ = false;
  const auto decoder = std::make_shared<Decoder>();  // dropped with the list: its buffers are as large as a page
  std::string continue_token;
  for (;;) {
    const bool first = continue_token.empty();
    Result<ListPage> page = co_await FetchPage(decoder, continue_token);
    if (!page) {
      // The token lives as long as etcd keeps history, five minutes. Larger pages get through sooner.
      if (page.error().code == Code::kGone && !first) page_size_ *= 10;
      co_return Fail(std::move(page.error()));
    }
    continue_token = std::exchange(page->continue_token, {});
    std::string version = std::exchange(page->version, {});
    TakePage(std::move(*page));
    if (continue_token.empty()) {
      FinishList(std::move(version));
      co_return Status();
    }
    if (!counts_.synced || held_back_.size() > kMaxHeldBack) Send(std::exchange(held_back_, {}));
  }
}

void ReflectorCore::TakePage(ListPage page) {
  for (const MalformedObject& malformed : page.malformed) {
    NoteMalformed(malformed.uid, malformed.why);
    if (malformed.uid.empty()) {
      unidentified_ = true;
    } else {
      index_.Mark(malformed.uid);  // the consumer keeps what it had
    }
  }
  for (DecodedObject& object : page.objects) {
    if (index_.Put(object.uid, object.version) == UidIndex::Change::kSame) continue;
    held_back_.push_back({std::move(object.uid), std::move(object.object)});
  }
}

void ReflectorCore::FinishList(std::string version) {
  version_ = std::move(version);
  page_size_ = options_.page_size;
  std::vector<AnyDelta> deltas;
  // Deletions first: a new object may bear the name of one that is gone.
  if (!unidentified_) {
    for (std::string& uid : index_.TakeUnnamed()) {
      deltas.push_back({std::move(uid), AnyObject(nullptr, [](void*) {})});
    }
  }
  for (AnyDelta& delta : held_back_) deltas.push_back(std::move(delta));
  held_back_.clear();
  held_back_.shrink_to_fit();
  counts_.stale = false;
  failures_in_a_row_ = 0;
  const bool first_sync = !std::exchange(counts_.synced, true);
  if (first_sync || !deltas.empty()) Send(std::move(deltas));
}

void ReflectorCore::Send(std::vector<AnyDelta> deltas) {
  counts_.deltas += deltas.size();
  if (!deltas.empty()) counts_.last_event = runtime_.WallNow();
  deliver_(std::move(deltas), counts_.synced);
}

// ---- watch

Task<void> ReflectorCore::WatchUntilLost() {
  for (;;) {
    WatchEnd end = co_await WatchOnce();
    if (!end.error) continue;
    ++counts_.watch_errors;
    ++failures_in_a_row_;
    const bool relist = end.relist || failures_in_a_row_ >= kFailuresBeforeRelist;
    if (relist && end.error->code == Code::kGone && backoff_.is_fresh()) {
      // Nothing is wrong with the server: list at once, but only once.
      (void)backoff_.Next();
      counts_.stale = true;
      counts_.last_error = end.error->message;
      log::Info("watch lost its place, listing again", {{"resource", options_.resource}, {"why", end.error->message}});
      co_return;
    }
    co_await Recover(std::move(*end.error), "watch");
    if (relist) co_return;
  }
}

Task<ReflectorCore::WatchEnd> ReflectorCore::WatchOnce() {
  ++counts_.watches;
  ++epoch_;
  const Instant began = runtime_.Now();
  last_sign_ = began;
  started_.reset();
  silent_ = heard_ = false;
  failed_.reset();
  cancel_ = CancelToken();

  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(runtime_.random().Between(kShortestWatch, kLongestWatch));
  Request request;
  request.path = Path(fmt::format("watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
                                  UrlEncode(version_), seconds.count()));
  request.accept = Accept("PartialObjectMetadata");
  request.timeout = options_.silence_limit * 2;  // our own guard comes first
  request.cancel = cancel_;
  request.sink = std::make_shared<WatchSink>(runtime_, decode_, [self = self_, epoch = epoch_](WatchBatch batch) {
    if (*self) (*self)->OnBatch(epoch, std::move(batch));
  });
  GuardAgainstSilence(cancel_);
  Result<Response> response = co_await transport_.Send(std::move(request));
  DropGuard();
  const WatchEnd end = Judge(response, began);
  ++epoch_;
  co_return end;
}

ReflectorCore::WatchEnd ReflectorCore::Judge(const Result<Response>& response, Instant began) {
  const Instant now = runtime_.Now();
  if (started_ && now - *started_ >= kProofOfHealth) {
    backoff_.Reset();
    failures_in_a_row_ = 0;
  }
  if (failed_) return {*failed_, failed_->code == Code::kGone || failed_->code == Code::kMalformed};
  if (silent_) {
    return {Error{Code::kDeadlineExceeded,
                  fmt::format("nothing came for {}", base::FormatDuration(options_.silence_limit))}};
  }
  if (!response) return {response.error()};
  if (response->status < 200 || response->status > 299) {
    Error error = ToError(*response);
    const bool gone = error.code == Code::kGone;
    return {std::move(error), gone};
  }
  counts_.stale = false;
  if (now - began < kTooShort && !heard_) return {Error{Code::kUnavailable, "the watch ended at once"}};
  return {};
}

void ReflectorCore::GuardAgainstSilence(CancelToken cancel) {
  guard_ = runtime_.PostAt(last_sign_ + options_.silence_limit, [this, cancel] {
    guard_.reset();
    if (runtime_.Now() - last_sign_ < options_.silence_limit) return GuardAgainstSilence(cancel);
    silent_ = true;
    cancel.Cancel();
  });
}

void ReflectorCore::DropGuard() {
  if (guard_) runtime_.CancelTimer(*std::exchange(guard_, std::nullopt));
}

void ReflectorCore::OnBatch(std::uint64_t epoch, WatchBatch batch) {
  if (epoch != epoch_ || failed_) return;  // of a watch that is over: the next one begins where we are
  last_sign_ = runtime_.Now();
  if (!started_) started_ = last_sign_;
  counts_.stale = false;
  std::vector<AnyDelta> deltas;
  for (WatchItem& item : batch.items) Apply(std::move(item), deltas);
  if (!batch.items.empty()) {
    heard_ = true;
    counts_.last_event = runtime_.WallNow();
  }
  if (!deltas.empty()) Send(std::move(deltas));
  if (batch.failed) {
    failed_ = std::move(batch.failed);
    cancel_.Cancel();
  }
}

void ReflectorCore::Apply(WatchItem item, std::vector<AnyDelta>& deltas) {
  DecodedObject& object = item.object;
  if (!object.version.empty()) version_ = object.version;
  switch (item.kind) {
    case WatchItem::Kind::kUpsert:
      if (index_.Put(object.uid, object.version) == UidIndex::Change::kSame) return;
      deltas.push_back({std::move(object.uid), std::move(object.object)});
      return;
    case WatchItem::Kind::kDelete:
      if (!index_.Erase(object.uid)) return;
      deltas.push_back({std::move(object.uid), AnyObject(nullptr, [](void*) {})});
      return;
    case WatchItem::Kind::kMalformed:
      return NoteMalformed(object.uid, item.why);
    case WatchItem::Kind::kBookmark:
      return;
  }
}

// ---- trouble

void ReflectorCore::NoteMalformed(const std::string& uid, const std::string& why) {
  ++counts_.malformed;
  if (complained_.size() >= kMaxComplaints || !complained_.insert(uid.empty() ? why : uid).second) return;
  log::Error("skipping an object that cannot be read", {{"resource", options_.resource}, {"uid", uid}, {"why", why}});
}

Task<void> ReflectorCore::Recover(Error error, std::string_view verb) {
  counts_.stale = true;
  const Duration pause = std::max(backoff_.Next(), error.retry_after);
  error = ExplainRefusal(std::move(error), verb, options_.resource);
  counts_.last_error = error.message;
  log::Warning(error.message, {{"resource", options_.resource}, {"retry_in", base::FormatDuration(pause)}});
  co_await runtime_.SleepFor(pause);
}

}  // namespace spillway::kube::internal
