#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"
#include "kube/api/objects.h"
#include "kube/api/storage.h"

namespace spillway::kube {

// Decodes API objects from JSON into the compact model with simdjson On-Demand. One Decoder per thread: it owns the
// parser's buffers. A malformed or hostile object is an Error (kMalformed) that names the object as far as it was read;
// the Decoder stays usable.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // `json` is one object, not a list. No padding needed: it is copied into the parser's own buffer.
  // T: Pod, Node, Namespace, PartialObject, RawObject, and the kinds of storage.h.
  template <typename T>
  Result<T> Decode(std::string_view json);

  // Only namespace, name, uid and resourceVersion, each as far as it can be read, whatever the kind and however broken
  // the rest: for bookmarks (which have no name) and for objects that Decode() refused. kMalformed without metadata.
  Result<ObjectMeta> DecodeIdentity(std::string_view json);

  // What a Pod asks of whoever runs it, whether it has a node or not. Decode<Pod>() says it of those without.
  Result<std::vector<PodFeature>> DecodeFeatures(std::string_view json);

  // Splits a List body into its metadata and each item's raw JSON. kMalformed for anything that is not a complete List.
  struct ListHeader {
    std::string resource_version, continue_token, kind;
  };
  // Calls `each(raw_item)` in order, and not at all unless the List is complete; raw_item dies with the call. `each`
  // may Decode() with this Decoder. Returns the header.
  template <typename Each>
  Result<ListHeader> DecodeList(std::string_view json, Each&& each);

  // One line of a watch: {"type": "...", "object": {...}}.
  struct WatchEvent {
    std::string type;      // ADDED, MODIFIED, DELETED, BOOKMARK, ERROR
    std::string_view raw;  // the object's JSON; lives until the next DecodeWatchEvent or DecodeList
  };
  Result<WatchEvent> DecodeWatchEvent(std::string_view line);

 private:
  struct Impl;
  Result<ListHeader> DecodeListInto(std::string_view json, void* context, void (*each)(void*, std::string_view));
  std::unique_ptr<Impl> impl_;
};

// Checks that it is an object with an identity; everything else is whoever parses its json to judge.
template <>
Result<RawObject> Decoder::Decode<RawObject>(std::string_view json);

// Annotations not kept are dropped while decoding: they are most of an object's bytes.
bool KeepsAnnotation(std::string_view key);

template <typename Each>
Result<Decoder::ListHeader> Decoder::DecodeList(std::string_view json, Each&& each) {
  return DecodeListInto(json, &each, [](void* context, std::string_view item) {
    (*static_cast<std::remove_reference_t<Each>*>(context))(item);
  });
}

}  // namespace spillway::kube
