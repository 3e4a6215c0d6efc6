#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "kube/api/decode.h"
#include "kube/reflector.h"
#include "kube/transport.h"

// What the Reflector does on I/O threads: gather list pages, frame and decode watch lines. Private to kube/.
namespace spillway::kube::internal {

// An object of some kind that only the Reflector's template shell knows.
using AnyObject = std::unique_ptr<void, void (*)(void*)>;

struct DecodedObject {
  std::string uid, version;  // of something unreadable: as far as they could be read
  AnyObject object{nullptr, [](void*) {}};
  std::unique_ptr<Unreadable> unreadable;  // set: `object` is null
};
// Never fails without a message that names the object. Thread-safe with a Decoder of one's own.
using DecodeObject = Result<DecodedObject> (*)(Decoder&, std::string_view raw);

// ---- lists

struct ListPage {
  std::string version, continue_token;
  std::vector<DecodedObject> objects;
};

// Collects one page and decodes it when it is complete.
class PageSink final : public BodySink {
 public:
  PageSink(std::shared_ptr<Decoder> decoder, DecodeObject decode);
  void OnData(std::string_view bytes) override { body_.append(bytes); }
  void OnEnd() override;
  // On the loop, after Send() has returned. kUnavailable when the body never ended.
  Result<ListPage> Take();

 private:
  std::shared_ptr<Decoder> decoder_;
  DecodeObject decode_;
  std::string body_;
  Result<ListPage> page_;
};

// ---- watches

struct WatchItem {
  enum class Kind : std::uint8_t { kUpsert, kDelete, kBookmark };
  Kind kind = Kind::kBookmark;
  DecodedObject object;  // kUpsert; of the others uid and version only
};

struct WatchBatch {
  std::vector<WatchItem> items;  // in the server's order
  bool started = false;          // the stream has begun
  // The stream is of no more use: an ERROR event, or bytes that are no watch event, or of no object that we could name
  // (kMalformed).
  std::optional<Error> failed;
};

// Cuts a watch's stream into lines and decodes them; one batch for all that one chunk completed, posted to the loop.
class WatchSink final : public BodySink {
 public:
  // `deliver` runs on the loop; it must cope with a batch of a watch that has ended.
  using Deliver = std::function<void(WatchBatch)>;
  WatchSink(Runtime& runtime, DecodeObject decode, Deliver deliver);
  void OnStart() override;
  void OnData(std::string_view bytes) override;

 private:
  void TakeLine(std::string_view line, WatchBatch& batch);
  void TakeEvent(std::string_view type, std::string_view raw, WatchBatch& batch);
  void Post(WatchBatch batch);

  Runtime& runtime_;
  DecodeObject decode_;
  std::shared_ptr<Deliver> deliver_;
  Decoder decoder_;
  std::string partial_;  // the beginning of a line whose end has not come
  bool failed_ = false;
};

}  // namespace spillway::kube::internal
