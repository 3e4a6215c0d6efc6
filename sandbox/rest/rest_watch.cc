#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/sync.h"
#include "sandbox/rest/api_core.h"
#include "sandbox/store/change_filter.h"

// Source: apiserver pkg/endpoints/handlers/watch.go and pkg/storage/cacher.

namespace spillway::sandbox {
namespace {

constexpr Duration kDefaultLifetime = std::chrono::minutes(45);  // upstream draws from 30 to 60
constexpr std::size_t kFlushAt = 64u << 10;
constexpr std::size_t kSlowReader = 8u << 20;  // pause for a client that has this much still to take

// Everything a watch needs while it runs; owned by its stream.
struct Plan {
  WatchContext context;
  const Kind* kind;
  std::string ns;
  Selector selector;
  Representation representation;
  Revision after = 0;
  std::vector<StoredPtr> initial;  // sent as ADDED first
  bool sends_initial_bookmark = false;
  bool bookmarks = false;
  Duration lifetime = kDefaultLifetime;
  Faults::RequestKey key;
};

std::string_view Name(WatchEvent::Type type) {
  switch (type) {
    case WatchEvent::Type::kAdded:
      return "ADDED";
    case WatchEvent::Type::kModified:
      return "MODIFIED";
    case WatchEvent::Type::kDeleted:
      return "DELETED";
  }
  return "";
}

std::string Line(std::string_view type, std::string_view object) {
  std::string line;
  line.reserve(object.size() + 32);
  line.append(R"({"type":")").append(type).append(R"(","object":)").append(object).append("}\n");
  return line;
}

std::string Gone(Revision asked, Revision oldest) {
  return Line("ERROR", ToStatus(Expired(fmt::format("too old resource version: {} ({})", asked, oldest))).dump());
}

// One watch under way.
class Session {
 public:
  Session(Plan& plan, net::ResponseStream& stream)
      : plan_(plan),
        stream_(stream),
        signal_(plan.context.runtime),
        cursor_(plan.context.store.etcd(), *plan.kind, plan.after, Etcd::Cursor::Reader::kEager,
                [this] { signal_.Notify(); }),
        open_(plan.context.faults, plan.key,
              [this](bool gone) {
                fate_ = {plan_.context.runtime.Now(), gone};
                signal_.Notify();
              }),
        lag_(plan.context.faults, plan.key) {
    const Instant now = plan.context.runtime.Now();
    end_ = now + plan.lifetime;
    next_bookmark_ = plan.bookmarks ? now + plan.context.bookmark_period : Instant::max();
    fate_ = plan.context.faults.JudgeWatch(plan.key);
  }

  Task<void> Run() {
    SendInitial();
    Pump();
    is_open_ = true;
    while (true) {
      while (is_slow()) co_await plan_.context.runtime.SleepFor(std::chrono::milliseconds(10));
      const Instant now = plan_.context.runtime.Now();
      if (now >= fate_.cut && !fate_.gone) co_return Break();
      if (!is_ending_) Pump();
      if (!is_ending_ && now >= fate_.cut) EndAsGone();
      if (!is_ending_ && now >= end_) End();
      if (!is_ending_ && now >= next_bookmark_) {
        next_bookmark_ = now + plan_.context.bookmark_period;
        SendBookmark(false);
      }
      if (!Deliver() || (is_ending_ && late_.empty())) co_return;
      if (is_slow()) continue;
      (void)co_await signal_.WaitUntil(NextTurn());
    }
  }

 private:
  struct Late {
    Instant due;
    std::string bytes;
  };

  bool is_slow() const { return stream_.is_open() && stream_.pending() > kSlowReader; }

  Instant NextTurn() const {
    const Instant due = late_.empty() ? Instant::max() : late_.front().due;
    if (is_ending_) return std::min(due, fate_.gone ? Instant::max() : fate_.cut);
    return std::min({due, fate_.cut, end_, next_bookmark_});
  }

  void SendInitial() {
    for (const StoredPtr& object : plan_.initial) Queue(Line("ADDED", Rendered(object->json)));
    plan_.initial.clear();
    if (plan_.sends_initial_bookmark) Queue(Line("BOOKMARK", plan_.representation.Bookmark(plan_.after, true)));
    Flush();
  }

  // Sends what has happened.
  void Pump() {
    if (cursor_.is_expired()) {
      Say(Gone(cursor_.position(), plan_.context.store.etcd().oldest(*plan_.kind)));
      is_ending_ = true;
      return;
    }
    is_caught_up_ = false;
    while (const Change* change = cursor_.Next()) {
      const auto seen = SeenThrough(*change, plan_.ns, plan_.selector);
      if (seen) Queue(Line(Name(seen->type), Rendered(seen->json)));
      if (is_slow()) return Flush();
    }
    is_caught_up_ = true;
    Flush();
  }

  std::string Rendered(const std::string& json) {
    return plan_.representation.Watched(json, std::exchange(is_first_, false));
  }

  void Queue(const std::string& line) {
    buffer_ += line;
    if (buffer_.size() >= kFlushAt) Flush();
  }

  void Flush() {
    if (!buffer_.empty()) Say(std::exchange(buffer_, {}));
  }

  // What is late stays in order. What happened before this watch began does not grow older still: after an outage a
  // client would be behind by more than any lag.
  void Say(std::string bytes) {
    late_.push_back({is_open_ ? lag_.Arrival() : plan_.context.runtime.Now(), std::move(bytes)});
  }

  // False once the client is gone.
  bool Deliver() {
    while (!late_.empty() && late_.front().due <= plan_.context.runtime.Now()) {
      if (!stream_.Write(late_.front().bytes)) return false;
      late_.pop_front();
    }
    return stream_.is_open();
  }

  void SendBookmark(bool initial) { Say(Line("BOOKMARK", plan_.representation.Bookmark(Reached(), initial))); }

  // All changes up to here have been sent: the kind's last one, or whatever the counter stands at since.
  Revision Reached() const { return is_caught_up_ ? plan_.context.store.etcd().revision() : cursor_.position(); }

  void End() {
    if (plan_.bookmarks) SendBookmark(false);
    is_ending_ = true;
  }

  void EndAsGone() {
    plan_.context.faults.CountCutWatch();
    Say(Gone(cursor_.position(), plan_.context.store.etcd().revision()));
    is_ending_ = true;
  }

  // What has not arrived never will, but for half of the next line.
  void Break() {
    plan_.context.faults.CountCutWatch();
    if (!late_.empty()) stream_.Write(late_.front().bytes.substr(0, late_.front().bytes.size() / 2));
    if (auto* breakable = dynamic_cast<BreakableStream*>(&stream_)) breakable->Break();
  }

  Plan& plan_;
  net::ResponseStream& stream_;
  base::Signal signal_;
  Etcd::Cursor cursor_;
  Faults::OpenWatch open_;
  Faults::Lag lag_;
  Faults::WatchFate fate_;
  Instant end_, next_bookmark_;
  std::string buffer_;
  std::deque<Late> late_;
  bool is_first_ = true;
  bool is_caught_up_ = false;
  bool is_open_ = false;  // its past has been said
  bool is_ending_ = false;
};

Task<void> RunWatch(std::shared_ptr<Plan> plan, std::shared_ptr<net::ResponseStream> stream) {
  Session session(*plan, *stream);
  co_await session.Run();
}

ApiResult<std::uint64_t> NumberOf(const RestRequest& request, const char* parameter) {
  const std::string text = request.Param(parameter);
  std::uint64_t number = 0;
  if (text.empty()) return number;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) {
    return Refuse(BadRequest(fmt::format("Invalid value: \"{}\": {} must be a whole number", text, parameter)));
  }
  return number;
}

ApiResult<std::shared_ptr<Plan>> Prepare(WatchContext context, const RestRequest& request) {
  std::string fields = request.Param("fieldSelector");
  if (!request.name.empty()) fields += (fields.empty() ? "" : ",") + std::string("metadata.name=") + request.name;
  auto selector = Selector::Parse(*request.kind, request.Param("labelSelector"), fields);
  if (!selector) return Refuse(selector.error());
  auto representation =
      Representation::Choose(*request.kind, request.accept, request.Param("includeObject"), context.runtime.WallNow());
  if (!representation) return Refuse(representation.error());
  const auto version = NumberOf(request, "resourceVersion");
  if (!version) return Refuse(version.error());
  const auto timeout = NumberOf(request, "timeoutSeconds");
  if (!timeout) return Refuse(timeout.error());

  const Kind& kept = StorageOf(*request.kind);
  auto plan = std::make_shared<Plan>(
      Plan{context, &kept, request.ns, std::move(*selector), std::move(*representation), *version});
  const bool asks_initial = request.IsTrue("sendInitialEvents");
  if (*version == 0 ? request.Param("sendInitialEvents") != "false" : asks_initial) {
    const Etcd& etcd = context.store.etcd();
    etcd.ForEach(kept, request.ns, "", [&](const StoredPtr& object) {
      if (plan->selector.Matches(*object)) plan->initial.push_back(object);
      return true;
    });
    plan->after = etcd.revision();
  }
  if (*version == 0) plan->after = context.store.etcd().revision();
  plan->bookmarks = request.IsTrue("allowWatchBookmarks");
  plan->sends_initial_bookmark = asks_initial && plan->bookmarks;
  if (*timeout > 0) plan->lifetime = std::chrono::seconds(std::min<std::uint64_t>(*timeout, 24 * 3600));
  plan->key = {request.user, "watch", std::string(request.kind->plural), *version != 0};
  return plan;
}

}  // namespace

net::ServerResponse ServeWatch(WatchContext context, const RestRequest& request) {
  auto plan = Prepare(context, request);
  if (!plan) return ErrorResponse(plan.error());
  net::ServerResponse response;
  response.stream = [plan = std::move(*plan)](std::shared_ptr<net::ResponseStream> stream) {
    return RunWatch(plan, std::move(stream));
  };
  return response;
}

}  // namespace spillway::sandbox
