#include <deque>
#include <utility>

#include "sandbox/store/change_filter.h"
#include "sandbox/store/selectors.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {
namespace {

// Delivers on turns of its own; what is under way when the Watch is destroyed is dropped.
class FaithfulWatch final : public Store::Watch {
 public:
  FaithfulWatch(Store& store, const Kind& kind, std::string ns, Selector selector,
                std::function<void(const WatchEvent&)> on_event)
      : runtime_(store.runtime()),
        ns_(std::move(ns)),
        selector_(std::move(selector)),
        on_event_(std::move(on_event)),
        cursor_(store.etcd(), kind, store.etcd().revision(), Etcd::Cursor::Reader::kFaithful, [this] { Wake(); }) {
    store.etcd().ForEach(kind, ns_, "", [this](const StoredPtr& object) {
      if (selector_.Matches(*object)) initial_.push_back(object);
      return true;
    });
    if (!initial_.empty()) Wake();
  }
  ~FaithfulWatch() override { *alive_ = false; }

 private:
  void Wake() {
    if (std::exchange(posted_, true)) return;
    runtime_.Post([this, alive = alive_] {
      if (*alive) Deliver(alive);
    });
  }

  void Deliver(std::shared_ptr<bool> alive) {  // by value: on_event_ may destroy us
    posted_ = false;
    while (*alive && !initial_.empty()) {
      const StoredPtr object = std::move(initial_.front());
      initial_.pop_front();
      on_event_(WatchEvent{WatchEvent::Type::kAdded, Json::parse(object->json)});
    }
    while (*alive) {
      const Change* change = cursor_.Next();
      if (!change) return;
      auto seen = SeenThrough(*change, ns_, selector_);
      if (seen) on_event_(WatchEvent{seen->type, Json::parse(seen->json)});
    }
  }

  Runtime& runtime_;
  const std::string ns_;
  const Selector selector_;
  const std::function<void(const WatchEvent&)> on_event_;
  std::deque<StoredPtr> initial_;
  bool posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Etcd::Cursor cursor_;
};

}  // namespace

std::unique_ptr<Store::Watch> Store::NewWatch(std::string_view resource, const ListOptions& options,
                                              std::function<void(const WatchEvent&)> on_event) {
  const Kind* kind = FindKind(resource);
  if (!kind) return nullptr;
  const Kind& kept = StorageOf(*kind);
  auto selector = Selector::Parse(kept, options.label_selector, options.field_selector);
  if (!selector) return nullptr;
  return std::make_unique<FaithfulWatch>(*this, kept, options.ns, std::move(*selector), std::move(on_event));
}

}  // namespace spillway::sandbox
