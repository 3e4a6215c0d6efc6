#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kube/api/objects.h"
#include "sandbox/store/kinds.h"

namespace spillway::sandbox {

using Revision = std::uint64_t;

// One version of one object: its JSON with metadata.resourceVersion in it, and what selectors and tables of owners need
// without parsing it. Never changes.
struct Stored {
  std::string ns, name, uid;
  std::string json;
  Revision revision = 0;
  std::shared_ptr<const kube::StringMap> labels;  // shared by all objects with equal labels
  std::vector<std::string> fields;                // values in the order of Kind::fields
  std::vector<std::string> owner_uids;
};
using StoredPtr = std::shared_ptr<const Stored>;

struct Change {
  enum class Type : std::uint8_t { kCreated, kUpdated, kDeleted };
  Type type = Type::kCreated;
  Revision revision = 0;
  StoredPtr before;  // null when created
  StoredPtr object;  // when deleted: its last state, stamped with the revision of the deletion
};

// What etcd and the watch cache are to kube-apiserver: versioned objects by kind and key, one revision counter, and for
// each kind a bounded window of changes, from which watches are fed and older lists are rebuilt. Knows no rule of any
// kind. Loop thread only.
class Etcd {
 public:
  // `window`: changes kept per kind; older ones are gone (410).
  explicit Etcd(std::size_t window);

  Revision revision() const { return revision_; }
  // The revision that the next Put or Remove will take: it belongs into the JSON.
  Revision next_revision() const { return revision_ + 1; }

  StoredPtr Get(const Kind& kind, std::string_view ns, std::string_view name) const;
  // In key order; an empty `ns` means all. `start_after`: a key to continue behind, "ns/name".
  void ForEach(const Kind& kind, std::string_view ns, std::string_view start_after,
               const std::function<bool(const StoredPtr&)>& each) const;
  // As it was at `revision`; false when that is older than the window.
  bool ForEachAt(const Kind& kind, std::string_view ns, std::string_view start_after, Revision revision,
                 const std::function<bool(const StoredPtr&)>& each) const;
  std::size_t Count(const Kind& kind) const;

  // Puts the object at next_revision(): object.revision must equal it. Creates or replaces.
  void Put(const Kind& kind, Stored object);
  // `last` is the final state at next_revision().
  void Remove(const Kind& kind, Stored last);

  // A place in the changes of one kind. Wakes its owner (synchronously: it must only note or post) when there is more.
  class Cursor {
   public:
    // kEager readers may lag and expire; for kFaithful ones the window grows as long as it takes.
    enum class Reader : std::uint8_t { kEager, kFaithful };
    Cursor(Etcd& etcd, const Kind& kind, Revision after, Reader reader, std::function<void()> wake);
    ~Cursor();
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;
    // The next change, or null when there is none now. Valid until the next Put or Remove.
    const Change* Next();
    // Changes after `position()` have been forgotten: the watch is over (410).
    bool is_expired() const;
    // Everything up to here has been read.
    Revision position() const;

   private:
    friend class Etcd;
    Etcd& etcd_;
    const Kind& kind_;
    Revision after_;
    Reader reader_;
    std::function<void()> wake_;
  };

  // Forgets all changes up to now, as a compaction does: lists under way and lagging watches expire.
  void Compact();
  // The oldest revision that a watch of `kind` can start after.
  Revision oldest(const Kind& kind) const;
  // Fills `labels` of an object, sharing equal ones.
  std::shared_ptr<const kube::StringMap> Intern(kube::StringMap labels);

 private:
  struct Shelf {
    std::map<std::string, StoredPtr, std::less<>> objects;  // by "ns/name"
    std::deque<Change> changes;
    Revision forgotten = 0;        // the newest change dropped from the window
    std::vector<Cursor*> cursors;  // in the order opened: wake-ups must replay
  };
  Shelf& ShelfOf(const Kind& kind);
  const Shelf& ShelfOf(const Kind& kind) const;
  void Record(Shelf& shelf, Change change);
  void Trim(Shelf& shelf);

  std::size_t window_;
  Revision revision_ = 1;
  mutable std::map<const Kind*, Shelf> shelves_;
  std::unordered_map<std::string, std::weak_ptr<const kube::StringMap>> labels_;
  std::size_t sweep_labels_at_ = 1024;
};

}  // namespace spillway::sandbox
