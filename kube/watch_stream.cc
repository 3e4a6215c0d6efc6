#include "kube/watch_stream.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::kube::internal {
namespace {

// Far above any object (1.5 MiB at the API server), far below what hurts.
constexpr std::size_t kLongestLine = 64u << 20;

DecodedObject Decode(Decoder& decoder, DecodeObject decode, std::string_view raw) {
  Result<DecodedObject> object = decode(decoder, raw);
  if (object) return *std::move(object);
  DecodedObject unreadable;
  unreadable.unreadable = std::make_unique<Unreadable>();
  unreadable.unreadable->why = std::move(object.error().message);
  if (auto identity = decoder.DecodeIdentity(raw)) {
    unreadable.uid = std::move(identity->uid);
    unreadable.version = std::move(identity->resource_version);
    unreadable.unreadable->ns = std::move(identity->ns);
    unreadable.unreadable->name = std::move(identity->name);
  }
  return unreadable;
}

}  // namespace

PageSink::PageSink(std::shared_ptr<Decoder> decoder, DecodeObject decode)
    : decoder_(std::move(decoder)), decode_(decode), page_(Fail(Code::kUnavailable, "the answer broke off")) {}

void PageSink::OnEnd() {
  ListPage page;
  auto header = decoder_->DecodeList(
      body_, [&](std::string_view raw) { page.objects.push_back(Decode(*decoder_, decode_, raw)); });
  body_ = {};
  if (!header) {
    page_ = Fail(std::move(header.error()));
    return;
  }
  if (header->resource_version.empty()) {
    page_ = Fail(Code::kMalformed, "list: no metadata.resourceVersion");
    return;
  }
  page.version = std::move(header->resource_version);
  page.continue_token = std::move(header->continue_token);
  page_ = std::move(page);
}

Result<ListPage> PageSink::Take() { return std::move(page_); }

WatchSink::WatchSink(Runtime& runtime, DecodeObject decode, Deliver deliver)
    : runtime_(runtime), decode_(decode), deliver_(std::make_shared<Deliver>(std::move(deliver))) {}

void WatchSink::OnStart() {
  WatchBatch batch;
  batch.started = true;
  Post(std::move(batch));
}

void WatchSink::OnData(std::string_view bytes) {
  if (failed_) return;
  WatchBatch batch;
  batch.started = true;
  for (auto end = bytes.find('\n'); end != std::string_view::npos && !batch.failed; end = bytes.find('\n')) {
    if (partial_.empty()) {
      TakeLine(bytes.substr(0, end), batch);
    } else {
      partial_.append(bytes.substr(0, end));
      TakeLine(std::exchange(partial_, {}), batch);
    }
    bytes.remove_prefix(end + 1);
  }
  if (partial_.size() + bytes.size() > kLongestLine) {
    batch.failed = Error{Code::kMalformed, "a watch event longer than 64 MiB"};
  } else {
    partial_.append(bytes);
  }
  failed_ = batch.failed.has_value();
  Post(std::move(batch));
}

void WatchSink::TakeLine(std::string_view line, WatchBatch& batch) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) return;
  const auto event = decoder_.DecodeWatchEvent(line);
  if (!event) {
    batch.failed = event.error();
  } else if (event->type == "ERROR") {
    batch.failed = ToError({.status = 200, .body = std::string(event->raw)});
  } else {
    TakeEvent(event->type, event->raw, batch);
  }
}

void WatchSink::TakeEvent(std::string_view type, std::string_view raw, WatchBatch& batch) {
  using Kind = WatchItem::Kind;
  if (type == "ADDED" || type == "MODIFIED") {
    const WatchItem& item = batch.items.emplace_back(WatchItem{Kind::kUpsert, Decode(decoder_, decode_, raw)});
    // Which object changed, only a list can show.
    if (item.object.uid.empty()) batch.failed = Error{Code::kMalformed, item.object.unreadable->why};
    return;
  }
  const auto identity = decoder_.DecodeIdentity(raw);
  const bool names_one = identity && !identity->uid.empty(),
             has_version = identity && !identity->resource_version.empty();
  if (type == "DELETED" && names_one) {
    batch.items.push_back({Kind::kDelete, {.uid = identity->uid, .version = identity->resource_version}});
  } else if (type == "BOOKMARK" && has_version) {
    batch.items.push_back({Kind::kBookmark, {.version = identity->resource_version}});
  } else {
    batch.failed = Error{Code::kMalformed, fmt::format("watch event {} cannot be understood: {}", type.substr(0, 40),
                                                       identity ? identity->Key() : identity.error().message)};
  }
}

void WatchSink::Post(WatchBatch batch) {
  runtime_.Post([deliver = deliver_, shared = std::make_shared<WatchBatch>(std::move(batch))] {
    (*deliver)(std::move(*shared));
  });
}

}  // namespace spillway::kube::internal
