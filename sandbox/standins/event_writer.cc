#include "sandbox/standins/event_writer.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::sandbox {
namespace {
constexpr Duration kForgetAfter = std::chrono::minutes(6);
constexpr std::size_t kNoteLimit = 1024;
constexpr const char* kEvents = "events";  // kept as core/v1, whatever API they come by
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
  ++series.count;
  const WallTime when = store_.runtime().WallNow();
  if (equality_ == Equality::kIgnoresNote) {
    // The first repeat is written, later ones are only counted: client-go refreshes the count every 30 minutes.
    if (series.count > 2) return true;
    const Json repeats = {{"count", series.count}, {"lastObservedTime", base::FormatRfc3339Micro(when)}};
    return store_
        .Modify(kEvents, series.ns, series.name, Part::kObject,
                [&](Json& event) {
                  event["series"] = repeats;
                  return true;
                })
        .has_value();
  }
  return store_
      .Modify(kEvents, series.ns, series.name, Part::kObject,
              [&](Json& event) {
                event["count"] = series.count;
                event["lastTimestamp"] = base::FormatRfc3339(when);
                return true;
              })
      .has_value();
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
      fmt::format("{}.{:016x}", ObjectName(regarding),
                  static_cast<std::uint64_t>(now.time_since_epoch().count()) + store_.runtime().random().Below(1000));
  Json event = {{"metadata", {{"name", name}, {"namespace", ns}}},
                {"reportingInstance", instance},
                {"reason", reason},
                {"message", text},
                {"type", type},
                {"involvedObject",
                 {{"kind", Text(regarding, {"kind"})},
                  {"apiVersion", Text(regarding, {"apiVersion"})},
                  {"namespace", NamespaceOf(regarding)},
                  {"name", ObjectName(regarding)},
                  {"uid", UidOf(regarding)},
                  {"resourceVersion", Text(regarding, {"metadata", "resourceVersion"})}}}};
  if (equality_ == Equality::kIgnoresNote) {
    event["eventTime"] = base::FormatRfc3339Micro(now);
    event["reportingComponent"] = controller_;
    event["action"] = action;
  } else {
    event["eventTime"] = nullptr;
    event["reportingComponent"] = controller_;
    event["source"] = {{"component", controller_}};
    if (controller_ == "kubelet") event["source"]["host"] = instance;
    event["firstTimestamp"] = event["lastTimestamp"] = base::FormatRfc3339(now);
    event["count"] = 1;
  }
  if (!store_.Create(kEvents, std::move(event))) return;
  series_[key] = Series{ns, name, 1, store_.runtime().Now()};
}

}  // namespace spillway::sandbox
