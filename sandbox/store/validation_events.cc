#include <fmt/core.h>

#include <string>
#include <string_view>

#include "sandbox/store/json_path.h"
#include "sandbox/store/validation.h"
#include "sandbox/store/validation_names.h"

// Source: pkg/apis/core/validation/events.go, v1.36.

namespace spillway::sandbox {
namespace {

using Errors = std::vector<FieldError>;

constexpr std::size_t kLongest = 128;
constexpr std::size_t kLongestNote = 1024;

void CheckText(const Json& event, const char* field, std::size_t longest, Errors& errors) {
  const std::string text = TextAt(event, field);
  if (text.empty()) errors.push_back(FieldRequired(field));
  if (text.size() > longest)
    errors.push_back(FieldInvalid(field, "", fmt::format("can have at most {} characters", longest)));
}

void CheckSeries(const Json& event, Errors& errors) {
  if (!Find(event, "series")) return;
  if (IntAt(event, "series.count", 0) < 2) errors.push_back(FieldInvalid("series.count", "", "should be at least 2"));
  if (TextAt(event, "series.lastObservedTime").empty()) errors.push_back(FieldRequired("series.lastObservedTime"));
}

}  // namespace

Errors ValidateEvent(const Json& event, EventApi api) {
  Errors errors;
  const std::string ns = TextAt(event, "metadata.namespace");
  const std::string about = TextAt(event, "involvedObject.namespace");
  const auto misplaced = [&] {
    errors.push_back(FieldInvalid("involvedObject.namespace", about, "does not match event.namespace"));
  };
  if (TextAt(event, "eventTime").empty()) {
    if (about.empty() ? ns != "default" : ns != about) misplaced();
    return errors;
  }
  if (about.empty() && ns != "default" && ns != "kube-system") misplaced();
  const std::string controller = TextAt(event, "reportingComponent");
  const char* field = api == EventApi::kStrict ? "reportingController" : "reportingComponent";
  if (controller.empty()) errors.push_back(FieldRequired(field));
  for (const std::string& why : WhyNoLabelKey(controller)) errors.push_back(FieldInvalid(field, controller, why));
  CheckText(event, "reportingInstance", kLongest, errors);
  CheckText(event, "action", kLongest, errors);
  CheckText(event, "reason", kLongest, errors);
  if (TextAt(event, "message").size() > kLongestNote) {
    errors.push_back(FieldInvalid("message", "", fmt::format("can have at most {} characters", kLongestNote)));
  }
  return errors;
}

Errors ValidateStrictEvent(const Json& event) {
  Errors errors = ValidateEvent(event, EventApi::kStrict);
  CheckSeries(event, errors);
  if (TextAt(event, "eventTime").empty()) errors.push_back(FieldRequired("eventTime"));
  const std::string type = TextAt(event, "type");
  if (type != "Normal" && type != "Warning") {
    errors.push_back(FieldInvalid("type", "", "has invalid value: " + type));
  }
  for (const char* old_field : {"firstTimestamp", "lastTimestamp", "source.component"}) {
    if (!TextAt(event, old_field).empty()) {
      const std::string field(old_field);
      errors.push_back(FieldInvalid(field.substr(0, field.find('.')), "", "needs to be unset"));
    }
  }
  if (IntAt(event, "count", 0) != 0) errors.push_back(FieldInvalid("count", "", "needs to be unset"));
  return errors;
}

Errors ValidateStrictEventUpdate(const Json& old, const Json& next) {
  Errors errors = ValidateEvent(next, EventApi::kStrict);
  const Json none;
  const auto part = [&](const Json& event, const char* field) -> const Json& {
    const Json* found = Find(event, field);
    return found ? *found : none;
  };
  if (part(old, "series") != part(next, "series")) CheckSeries(next, errors);
  for (const char* field : {"involvedObject", "reason", "message", "type", "eventTime", "action", "related",
                            "reportingComponent", "reportingInstance"}) {
    if (part(old, field) == part(next, field)) continue;
    const bool is_renamed = std::string_view(field) == "reportingComponent";
    errors.push_back(FieldInvalid(is_renamed ? "reportingController" : field, part(next, field), "field is immutable"));
  }
  return errors;
}

}  // namespace spillway::sandbox
