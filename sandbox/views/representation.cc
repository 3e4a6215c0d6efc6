#include "sandbox/views/representation.h"

#include <fmt/core.h>

#include <utility>

#include "sandbox/store/json_path.h"
#include "sandbox/views/event_conversion.h"
#include "sandbox/views/tables.h"

namespace spillway::sandbox {
namespace {

Json PartialMetadata(const Json& object) {
  Json metadata = object["metadata"];
  return {{"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/v1"}, {"metadata", std::move(metadata)}};
}

Json ListMeta(const ListMetadata& metadata) {
  Json json = {{"resourceVersion", std::to_string(metadata.revision)}};
  if (!metadata.continue_token.empty()) json["continue"] = metadata.continue_token;
  if (metadata.remaining) json["remainingItemCount"] = *metadata.remaining;
  return json;
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The value of a media type's parameter: "as" in "application/json;as=Table;v=v1".
std::string_view Parameter(std::string_view media_type, std::string_view name) {
  std::size_t at = media_type.find(';');
  while (at != std::string_view::npos) {
    media_type.remove_prefix(at + 1);
    const std::string_view part = Trimmed(media_type.substr(0, media_type.find(';')));
    const std::size_t equals = part.find('=');
    if (equals != std::string_view::npos && part.substr(0, equals) == name) return part.substr(equals + 1);
    at = media_type.find(';');
  }
  return "";
}

}  // namespace

ApiResult<Representation> Representation::Choose(const Kind& kind, std::string_view accept,
                                                 std::string_view include_object, WallTime now) {
  std::string include(include_object.empty() ? "Metadata" : include_object);
  if (Trimmed(accept).empty()) return Representation(kind, Shape::kWhole, include, now);
  for (std::string_view rest = accept; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const std::string_view one = Trimmed(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    const std::string_view type = Trimmed(one.substr(0, one.find(';')));
    if (type != "application/json" && type != "*/*" && type != "application/*") continue;
    const std::string_view as = Parameter(one, "as");
    if (as.empty()) return Representation(kind, Shape::kWhole, include, now);
    if (as == "Table") return Representation(kind, Shape::kTable, include, now);
    if (as.starts_with("PartialObjectMetadata")) return Representation(kind, Shape::kMetadata, include, now);
  }
  return Refuse(ApiError{406, "NotAcceptable",
                         "only the following media types are accepted: application/json, "
                         "application/json;as=Table;v=v1;g=meta.k8s.io, "
                         "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
                         Json::object()});
}

bool Representation::is_converted() const { return &StorageOf(*kind_) != kind_; }

Json Representation::Row(const std::string& json) const {
  Json object = Json::parse(json);
  Json row = {{"cells", TableCells(*kind_, object, now_)}};
  if (include_ == "Object") {
    row["object"] = is_converted() ? EventFromCore(std::move(object)) : std::move(object);
  } else if (include_ != "None") {
    row["object"] = PartialMetadata(object);
  }
  return row;
}

Json Representation::Table(Json rows, bool with_columns) const {
  Json table = {{"kind", "Table"}, {"apiVersion", "meta.k8s.io/v1"}, {"metadata", Json::object()}};
  table["columnDefinitions"] = with_columns ? TableColumns(*kind_) : Json::array();
  table["rows"] = std::move(rows);
  return table;
}

std::string Representation::One(const std::string& json) const {
  if (shape_ == Shape::kWhole && !is_converted()) return json;
  Json object = Json::parse(json);
  if (shape_ == Shape::kWhole) return EventFromCore(std::move(object)).dump();
  if (shape_ == Shape::kMetadata) return PartialMetadata(object).dump();
  Json table = Table(Json::array({Row(json)}), true);
  table["metadata"]["resourceVersion"] = TextAt(object, "metadata.resourceVersion");
  return table.dump();
}

std::string Representation::List(const std::vector<StoredPtr>& objects, const ListMetadata& metadata) const {
  if (shape_ == Shape::kTable) {
    Json rows = Json::array();
    for (const StoredPtr& object : objects) rows.push_back(Row(object->json));
    Json table = Table(std::move(rows), true);
    table["metadata"] = ListMeta(metadata);
    return table.dump();
  }
  const bool whole = shape_ == Shape::kWhole;
  std::string body = fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[)",
                                 whole ? kind_->ListKind() : "PartialObjectMetadataList",
                                 whole ? kind_->ApiVersion() : "meta.k8s.io/v1", ListMeta(metadata).dump());
  std::size_t size = body.size() + 2;
  for (const StoredPtr& object : objects) size += object->json.size() + 1;
  body.reserve(size);
  bool first = true;
  for (const StoredPtr& object : objects) {
    if (!std::exchange(first, false)) body += ',';
    if (whole && !is_converted()) {
      body += object->json;
    } else {
      body += One(object->json);
    }
  }
  body += "]}";
  return body;
}

std::string Representation::Watched(const std::string& json, bool first) const {
  if (shape_ != Shape::kTable) return One(json);
  Json table = Table(Json::array({Row(json)}), first);
  table["metadata"]["resourceVersion"] = TextAt(Json::parse(json), "metadata.resourceVersion");
  return table.dump();
}

std::string Representation::Bookmark(Revision revision, bool ends_initial_events) const {
  Json metadata = {{"resourceVersion", std::to_string(revision)}, {"creationTimestamp", nullptr}};
  if (ends_initial_events) metadata["annotations"]["k8s.io/initial-events-end"] = "true";
  if (shape_ == Shape::kTable) {
    Json table = Table(Json::array(), false);
    table["metadata"] = std::move(metadata);
    return table.dump();
  }
  const bool whole = shape_ == Shape::kWhole;
  const Json bookmark = {{"kind", whole ? std::string(kind_->kind) : "PartialObjectMetadata"},
                         {"apiVersion", whole ? kind_->ApiVersion() : "meta.k8s.io/v1"},
                         {"metadata", std::move(metadata)}};
  return bookmark.dump();
}

}  // namespace spillway::sandbox
