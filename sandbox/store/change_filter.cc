#include "sandbox/store/change_filter.h"

namespace spillway::sandbox {
namespace {

// Rare: only when an object leaves a selection while it lives on.
std::string WithRevision(const Stored& object, Revision revision) {
  Json json = Json::parse(object.json);
  json["metadata"]["resourceVersion"] = std::to_string(revision);
  return json.dump();
}

}  // namespace

std::optional<SeenChange> SeenThrough(const Change& change, std::string_view ns, const Selector& selector) {
  if (!ns.empty() && change.object->ns != ns) return std::nullopt;
  const bool is_there = change.type != Change::Type::kDeleted;
  const bool before = change.before && selector.Matches(*change.before);
  const bool after = is_there && selector.Matches(*change.object);
  using Type = WatchEvent::Type;
  if (after) return SeenChange{before ? Type::kModified : Type::kAdded, change.revision, change.object->json};
  if (!before) return std::nullopt;
  if (!is_there) return SeenChange{Type::kDeleted, change.revision, change.object->json};
  return SeenChange{Type::kDeleted, change.revision, WithRevision(*change.before, change.revision)};
}

}  // namespace spillway::sandbox
