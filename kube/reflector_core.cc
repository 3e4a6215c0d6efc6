#include "kube/reflector_core.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/rarely.h"

namespace spillway::kube::internal {
namespace {

constexpr int kOk = 200;
constexpr Duration kListTimeout = std::chrono::seconds(60);
// The server ends a watch after a time of our choosing; different for each, so that they do not all come back at once.
constexpr Duration kShortestWatch = std::chrono::minutes(5);
constexpr Duration kLongestWatch = std::chrono::minutes(10);
// While something is there that could not be identified, a list is made so often to see whether it still is.
constexpr Duration kLookForUnidentified = std::chrono::minutes(1);
// A watch that ends this soon without a word is not one that ran its time.
constexpr Duration kTooShort = std::chrono::seconds(1);
// One that stood this long has shown that the server is well.
constexpr Duration kProofOfHealth = std::chrono::seconds(2);
// The longest pause before one that broke then is opened anew.
constexpr Duration kQuickRetry = std::chrono::seconds(1);
// Before jitter; client-go's is 30 s. A watch costs the server little, and until it stands nothing is decided.
constexpr Duration kLongestPause = std::chrono::seconds(5);
// For the headers of a watch. The API server may keep it queued for 15 s.
constexpr Duration kAnswerLimit = std::chrono::seconds(20);
// So many failed watches in a row, and our place may be one that the server will never know again (a restored etcd).
constexpr int kFailuresBeforeRelist = 5;
// Changed objects kept until the end of a relist, so that deletions can go first.
constexpr std::size_t kMaxHeldBack = 10'000;
constexpr std::size_t kMaxComplaints = 1'000;
constexpr std::int64_t kLargestPage = 5'000'000;

UidIndex::Version VersionOf(const DecodedObject& object) {
  using Version = UidIndex::Version;
  return object.unreadable ? Version::Unreadable(object.version) : Version::Of(object.version);
}

}  // namespace

ReflectorCore::ReflectorCore(Runtime& runtime, Transport& transport, ReflectorOptions options, DecodeObject decode,
                             Deliver deliver)
    : runtime_(runtime),
      transport_(transport),
      options_(std::move(options)),
      decode_(decode),
      deliver_(std::move(deliver)),
      backoff_({.limit = kLongestPause}, runtime.random().Fork()),
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
    } else if (listed.error().code == Code::kGone) {
      co_await RecoverPlace(std::move(listed.error()), "list");
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
  const Instant sent = runtime_.Now();
  Result<Response> response = co_await transport_.Send(std::move(request));
  transport_.NoteAnswer(response, sent, runtime_.Now());
  if (!response) co_return Fail(std::move(response.error()));
  if (response->status < 200 || response->status > 299) co_return Fail(ToError(*response));
  co_return sink->Take();
}

Task<Status> ReflectorCore::List() {
  ++counts_.lists;
  started_.reset();
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
      if (page.error().code == Code::kGone && !first) page_size_ = std::min(10 * page_size_, kLargestPage);
      co_return Fail(std::move(page.error()));
    }
    continue_token = std::exchange(page->continue_token, {});
    std::string version = std::exchange(page->version, {});
    TakePage(std::move(*page));
    if (continue_token.empty()) {
      FinishList(std::move(version));
      co_return Status();
    }
    if (!counts_.synced || held_back_.size() > kMaxHeldBack) SendHeldBack({});
  }
}

void ReflectorCore::TakePage(ListPage page) {
  for (DecodedObject& object : page.objects) {
    unidentified_ = unidentified_ || object.uid.empty();
    if (index_.Name(object.uid, VersionOf(object)) != UidIndex::Change::kSame) held_back_.push_back(std::move(object));
  }
}

void ReflectorCore::FinishList(std::string version) {
  version_ = std::move(version);
  page_size_ = options_.page_size;
  std::vector<AnyDelta> deltas;
  // Deletions first: a new object may bear the name of one that is gone.
  if (!unidentified_) {
    for (std::string& uid : index_.TakeUnnamed()) deltas.push_back({.uid = std::move(uid)});
  }
  failed_watches_ = 0;
  const bool was_stale = std::exchange(counts_.stale, false);
  const bool first_sync = !std::exchange(counts_.synced, true);
  if (first_sync || was_stale || !deltas.empty() || !held_back_.empty()) SendHeldBack(std::move(deltas));
}

void ReflectorCore::SendHeldBack(std::vector<AnyDelta> first) {
  for (DecodedObject& object : std::exchange(held_back_, {})) Note(std::move(object), first);
  Send(std::move(first));
}

void ReflectorCore::Send(std::vector<AnyDelta> deltas) {
  counts_.deltas += deltas.size();
  counts_.objects = index_.size();
  if (!deltas.empty()) counts_.last_event = runtime_.WallNow();
  deliver_(std::move(deltas), counts_.synced);
}

// ---- watch

Task<void> ReflectorCore::WatchUntilLost() {
  for (;;) {
    std::optional<Error> error = co_await WatchOnce();
    if (!error && unidentified_) co_return;
    if (!error) continue;
    ++counts_.watch_errors;
    if (error->code == Code::kGone) {
      co_await RecoverPlace(std::move(*error), "watch");
      co_return;
    }
    if (!transport_.health().is_out()) ++failed_watches_;
    const bool relist = error->code == Code::kMalformed || failed_watches_ >= kFailuresBeforeRelist;
    co_await Recover(std::move(*error), "watch");
    if (relist) co_return;
  }
}

Task<std::optional<Error>> ReflectorCore::WatchOnce() {
  ++counts_.watches;
  ++epoch_;
  const Instant began = runtime_.Now();
  last_sign_ = began;
  started_.reset();
  silent_ = heard_ = false;
  failed_.reset();
  cancel_ = CancelToken();

  Duration length = unidentified_ ? kLookForUnidentified : runtime_.random().Between(kShortestWatch, kLongestWatch);
  if (Rarely(runtime_, "reflector: short watch")) length = kLookForUnidentified;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(length);
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
  std::optional<Error> error = Judge(response, began);
  ++epoch_;
  co_return error;
}

std::optional<Error> ReflectorCore::Judge(const Result<Response>& response, Instant began) {
  const Instant now = runtime_.Now();
  const Duration stood = started_ ? now - *started_ : Duration(0);
  if (heard_ || stood >= kTooShort) relisted_at_once_ = false;
  if (stood >= kProofOfHealth) {
    backoff_.Reset();
    failures_in_a_row_ = 0;
    told_.clear();
  }
  if (failed_) return failed_;
  if (silent_ && started_) return std::nullopt;  // nothing is known to be wrong; if something is, the next one shows it
  if (silent_) {
    Error error{Code::kDeadlineExceeded, fmt::format("no answer within {}", base::FormatDuration(kAnswerLimit))};
    transport_.health().NotAnswered(error, began, now);
    return error;
  }
  if (!started_) transport_.NoteAnswer(response, began, now);
  if (!response) return response.error();
  if (response->status < 200 || response->status > 299) return ToError(*response);
  if (std::exchange(counts_.stale, false)) Send({});
  if (now - began < kTooShort && !heard_) return Error{Code::kUnavailable, "the watch ended at once"};
  return std::nullopt;
}

void ReflectorCore::GuardAgainstSilence(CancelToken cancel) {
  guard_ = runtime_.PostAt(last_sign_ + Patience(), [this, cancel] {
    guard_.reset();
    if (runtime_.Now() - last_sign_ < Patience()) return GuardAgainstSilence(cancel);
    silent_ = true;
    cancel.Cancel();
  });
}

Duration ReflectorCore::Patience() const { return started_ ? options_.silence_limit : kAnswerLimit; }

void ReflectorCore::DropGuard() {
  if (guard_) runtime_.CancelTimer(*std::exchange(guard_, std::nullopt));
}

void ReflectorCore::OnBatch(std::uint64_t epoch, WatchBatch batch) {
  if (epoch != epoch_ || failed_) return;  // of a watch that is over: the next one begins where we are
  last_sign_ = runtime_.Now();
  if (!started_) {
    started_ = last_sign_;
    transport_.health().Answered(kOk, last_sign_);
  }
  const bool was_stale = std::exchange(counts_.stale, false);
  std::vector<AnyDelta> deltas;
  for (WatchItem& item : batch.items) Apply(std::move(item), deltas);
  if (!batch.items.empty()) {
    heard_ = true;
    counts_.last_event = runtime_.WallNow();
  }
  if (was_stale || !deltas.empty()) Send(std::move(deltas));
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
      return Note(std::move(object), deltas);
    case WatchItem::Kind::kDelete:
      if (!index_.Erase(object.uid)) return;
      deltas.push_back({.uid = std::move(object.uid)});
      return;
    case WatchItem::Kind::kBookmark:
      return;
  }
}

void ReflectorCore::Note(DecodedObject object, std::vector<AnyDelta>& deltas) {
  if (index_.Put(object.uid, VersionOf(object)) == UidIndex::Change::kSame) return;
  if (object.unreadable) Complain(object.uid, object.unreadable->why);
  deltas.push_back({std::move(object.uid), std::move(object.object), std::move(object.unreadable)});
}

// ---- trouble

void ReflectorCore::Complain(const std::string& uid, const std::string& why) {
  ++counts_.malformed;
  if (complained_.size() >= kMaxComplaints || !complained_.insert(uid.empty() ? why : uid).second) return;
  log::Error("an object cannot be read", {{"resource", options_.resource}, {"uid", uid}, {"why", why}});
}

Task<void> ReflectorCore::RecoverPlace(Error error, std::string_view verb) {
  if (std::exchange(relisted_at_once_, true)) {
    co_await Recover(std::move(error), verb);
    co_return;
  }
  counts_.stale = true;
  counts_.last_error = ExplainRefusal(std::move(error), verb, options_.resource).message;
  log::Verbose(3, "listing again", {{"resource", options_.resource}, {"why", counts_.last_error}});
}

Task<void> ReflectorCore::Recover(Error error, std::string_view verb) {
  ServerHealth& health = transport_.health();
  const Instant now = runtime_.Now(), not_before = now + error.retry_after;
  const std::string cause = error.message;
  error = ExplainRefusal(std::move(error), verb, options_.resource);
  counts_.stale = true;
  counts_.last_error = error.message;
  if (health.is_out()) {
    co_await health.WaitToTry(runtime_, not_before);
    backoff_.Reset();  // of what was before, nothing is known any more
  } else {
    const Duration pause = Pause();
    ++failures_in_a_row_;
    Tell(error, cause);
    co_await health.WaitToTry(runtime_, std::max(now + pause, not_before));
  }
  if (runtime_.Now() < not_before) co_await runtime_.SleepUntil(not_before);
  relisted_at_once_ = false;  // whatever comes now comes after a pause
}

// Watches break now and then, and stand again at once.
Duration ReflectorCore::Pause() {
  const bool stood = started_ && runtime_.Now() - *started_ >= kTooShort;
  return stood && failures_in_a_row_ == 0 ? runtime_.random().Between(Duration(0), kQuickRetry) : backoff_.Next();
}

void ReflectorCore::Tell(const Error& error, std::string_view cause) {
  const bool passes = IsTransient(error) && failures_in_a_row_ < 2;
  if (passes || told_ == cause) return;
  told_ = cause;
  log::Warning(error.message, {{"resource", options_.resource}});
}

}  // namespace spillway::kube::internal
