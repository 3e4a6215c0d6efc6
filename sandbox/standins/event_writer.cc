#include "sandbox/standins/event_writer.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::sandbox {
namespace {
constexpr Duration kForgetAfter = std::chrono::minutes(6);
constexpr std::size_t kNoteLimit = 1024;
constexpr const char* kEvents = "events.events.k8s.io";
}  // namespace

EventWriter::EventWriter(Store& store, std::string controller, std::string instance, Equality equality)
    : store_(store), controller_(std::move(controller)), instance_(std::move(instance)), equality_(equality) {}

void EventWriter::Write(const Json& regarding, std::string_view type, std::string_view reason, std::string_view action,
                        std::string_view note) {
  WriteAs(instance_, regarding, type, reason, action, note);
}

bool EventWriter::ContinueSeries(const std::string& key) {
  const auto found = series_.find(key);
  if (found == series_.end()) return false;
  Series& series = found->second;
  const Instant now = store_.runtime().Now();
  if (now - series.last > kForgetAfter) return false;
  series.last = now;
  // The first repeat is written, later ones are only counted: client-go refreshes the count every 30 minutes.
  if (++series.count > 2) return true;
  const std::string when = base::FormatRfc3339Micro(store_.runtime().WallNow());
  const auto written = store_.Modify(kEvents, series.ns, series.name, Part::kObject, [&](Json& event) {
    event["series"] = {{"count", series.count}, {"lastObservedTime", when}};
    return true;
  });
  return written.has_value();
}

void EventWriter::WriteAs(const std::string& instance, const Json& regarding, std::string_view type,
                          std::string_view reason, std::string_view action, std::string_view note) {
  std::string key = fmt::format("{}|{}|{}|{}|{}", UidOf(regarding), instance, type, reason, action);
  if (equality_ == Equality::kWithNote) key.append("|").append(note);
  if (ContinueSeries(key)) return;

  const std::string ns = NamespaceOf(regarding).empty() ? "default" : NamespaceOf(regarding);
  const WallTime now = store_.runtime().WallNow();
  std::string text(note);
  if (text.size() > kNoteLimit) text = text.substr(0, kNoteLimit - 4) + " ...";
  const std::string name =
      fmt::format("{}.{:016x}", NameOf(regarding),
                  static_cast<std::uint64_t>(now.time_since_epoch().count()) + store_.runtime().random().Below(1000));
  Json event = {{"apiVersion", "events.k8s.io/v1"},
                {"kind", "Event"},
                {"metadata", {{"name", name}, {"namespace", ns}}},
                {"eventTime", base::FormatRfc3339Micro(now)},
                {"reportingController", controller_},
                {"reportingInstance", instance},
                {"action", action},
                {"reason", reason},
                {"regarding",
                 {{"kind", Text(regarding, {"kind"})},
                  {"apiVersion", Text(regarding, {"apiVersion"})},
                  {"namespace", NamespaceOf(regarding)},
                  {"name", NameOf(regarding)},
                  {"uid", UidOf(regarding)},
                  {"resourceVersion", Text(regarding, {"metadata", "resourceVersion"})}}},
                {"note", text},
                {"type", type}};
  if (!store_.Create(kEvents, std::move(event))) return;
  series_[key] = Series{ns, name, 1, store_.runtime().Now()};
}

}  // namespace spillway::sandbox
