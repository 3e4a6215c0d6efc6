#include "sandbox/views/event_conversion.h"

#include <array>
#include <utility>

namespace spillway::sandbox {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 7> kCoreAndNew = {{
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"reportingComponent", "reportingController"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
}};

void Rename(Json& object, const char* from, const char* to) {
  const auto found = object.find(from);
  if (found == object.end()) return;
  Json value = std::move(*found);
  object.erase(found);
  object[to] = std::move(value);
}

}  // namespace

Json EventFromCore(Json core) {
  for (const auto& [old_name, new_name] : kCoreAndNew) Rename(core, old_name, new_name);
  core["apiVersion"] = "events.k8s.io/v1";
  return core;
}

Json EventToCore(Json event) {
  for (const auto& [old_name, new_name] : kCoreAndNew) Rename(event, new_name, old_name);
  event["apiVersion"] = "v1";
  return event;
}

}  // namespace spillway::sandbox
