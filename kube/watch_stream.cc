#include "kube/watch_stream.h"

#include <utility>

namespace spillway::kube::internal {
namespace {

// Far above any object (1.5 MiB at the API server), far below what hurts.
constexpr std::size_t kLongestLine = 64u << 20;

MalformedObject Identify(Decoder& decoder, std::string_view raw, std::string why) {
  MalformedObject malformed;
  malformed.why = std::move(why);
  if (auto identity = decoder.DecodeIdentity(raw)) {
    malformed.uid = std::move(identity->uid);
    malformed.version = std::move(identity->resource_version);
  }
  return malformed;
}

WatchItem ToItem(WatchItem::Kind kind, std::string uid, std::string version, std::string why = "") {
  WatchItem item;
  item.kind = kind;
  item.object.uid = std::move(uid);
  item.object.version = std::move(version);
  item.why = std::move(why);
  return item;
}

WatchItem DecodeItem(Decoder& decoder, DecodeObject decode, std::string_view type, std::string_view raw) {
  using Kind = WatchItem::Kind;
  if (type == "ADDED" || type == "MODIFIED") {
    if (auto object = decode(decoder, raw)) {
      WatchItem item;
      item.kind = Kind::kUpsert;
      item.object = std::move(*object);
      return item;
    } else {
      MalformedObject malformed = Identify(decoder, raw, std::move(object.error().message));
      return ToItem(Kind::kMalformed, std::move(malformed.uid), std::move(malformed.version), std::move(malformed.why));
    }
  }
  auto identity = decoder.DecodeIdentity(raw);
  if (!identity) return ToItem(Kind::kMalformed, "", "", std::move(identity.error().message));
  if (type == "BOOKMARK") return ToItem(Kind::kBookmark, "", std::move(identity->resource_version));
  if (type == "DELETED" && !identity->uid.empty()) {
    return ToItem(Kind::kDelete, std::move(identity->uid), std::move(identity->resource_version));
  }
  return ToItem(Kind::kMalformed, std::move(identity->uid), std::move(identity->resource_version),
                "watch event " + std::string(type.substr(0, 40)) + " of " + identity->Key() + " cannot be understood");
}

}  // namespace

PageSink::PageSink(std::shared_ptr<Decoder> decoder, DecodeObject decode)
    : decoder_(std::move(decoder)), decode_(decode), page_(Fail(Code::kUnavailable, "the answer broke off")) {}

void PageSink::OnEnd() {
  ListPage page;
  auto header = decoder_->DecodeList(body_, [&](std::string_view raw) {
    if (auto object = decode_(*decoder_, raw)) {
      page.objects.push_back(std::move(*object));
    } else {
      page.malformed.push_back(Identify(*decoder_, raw, std::move(object.error().message)));
    }
  });
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
    batch.items.push_back(DecodeItem(decoder_, decode_, event->type, event->raw));
  }
}

void WatchSink::Post(WatchBatch batch) {
  runtime_.Post([deliver = deliver_, shared = std::make_shared<WatchBatch>(std::move(batch))] {
    (*deliver)(std::move(*shared));
  });
}

}  // namespace spillway::kube::internal
