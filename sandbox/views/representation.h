#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sandbox/store/api_error.h"
#include "sandbox/store/etcd.h"

namespace spillway::sandbox {

struct ListMetadata {
  Revision revision = 0;
  std::string continue_token;
  std::optional<std::int64_t> remaining;
};

// How a client wants to see objects of one kind: whole, as PartialObjectMetadata, or as rows of a Table; and, for
// Events, in which API version. Chosen by the Accept header.
class Representation {
 public:
  // 406 when nothing in `accept` can be served. `include_object`: the parameter of tables.
  static ApiResult<Representation> Choose(const Kind& kind, std::string_view accept, std::string_view include_object,
                                          WallTime now);

  // One object, from its stored JSON.
  std::string One(const std::string& json) const;
  std::string One(const Json& object) const { return One(object.dump()); }
  std::string List(const std::vector<StoredPtr>& objects, const ListMetadata& metadata) const;
  // The object of one watch event; `first`: tables carry their columns in the first one only.
  std::string Watched(const std::string& json, bool first) const;
  std::string Bookmark(Revision revision, bool ends_initial_events) const;

 private:
  enum class Shape : std::uint8_t { kWhole, kMetadata, kTable };
  Representation(const Kind& kind, Shape shape, std::string include, WallTime now)
      : kind_(&kind), shape_(shape), include_(std::move(include)), now_(now) {}
  Json Row(const std::string& json) const;
  Json Table(Json rows, bool with_columns) const;
  bool is_converted() const;

  const Kind* kind_;
  Shape shape_;
  std::string include_;
  WallTime now_;  // ages in tables
};

}  // namespace spillway::sandbox
