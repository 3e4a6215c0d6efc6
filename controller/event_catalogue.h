#pragma once

#include <string>
#include <string_view>
#include <vector>

// Every event the controller writes. A reason stands for one state of a Pod, or of the configuration; changing figures
// are in the note only.
namespace spillway::controller {

inline constexpr std::string_view kOverflowScheduled = "OverflowScheduled";
inline constexpr std::string_view kOverflowWaiting = "OverflowWaiting";
inline constexpr std::string_view kOverflowNotNeeded = "OverflowNotNeeded";
inline constexpr std::string_view kOverflowNotEligible = "OverflowNotEligible";
inline constexpr std::string_view kOverflowUndecidable = "OverflowUndecidable";
inline constexpr std::string_view kOverflowNoCapacity = "OverflowNoCapacity";
inline constexpr std::string_view kOverflowUnsupported = "OverflowUnsupported";
inline constexpr std::string_view kOverflowAtLimit = "OverflowAtLimit";
inline constexpr std::string_view kOverflowReleased = "OverflowReleased";
inline constexpr std::string_view kOverflowEvicted = "OverflowEvicted";
inline constexpr std::string_view kOverflowEvictionHeld = "OverflowEvictionHeld";
inline constexpr std::string_view kWouldEvict = "WouldEvict";
inline constexpr std::string_view kLocalReplicasAdjusted = "LocalReplicasAdjusted";
inline constexpr std::string_view kConfigurationTaken = "ConfigurationTaken";
inline constexpr std::string_view kConfigurationRejected = "ConfigurationRejected";
inline constexpr std::string_view kOverflowBindFailed = "OverflowBindFailed";
inline constexpr std::string_view kWouldOverflow = "WouldOverflow";

// Times that keep passing states out of the events.
inline constexpr int kWaitingWorthTellingSeconds = 5;  // OverflowWaiting: what remains, or has been waited
inline constexpr int kNotNeededAfterSeconds = 30;      // OverflowNotNeeded
inline constexpr int kUndecidableAfterSeconds = 30;    // OverflowUndecidable without an Unschedulable condition
inline constexpr int kBindFailuresWorthTelling = 3;    // OverflowBindFailed, in a row

struct EventDoc {
  std::string_view reason, action, type;
  std::string when, example;
};
const std::vector<EventDoc>& EventCatalogue();
std::string_view ActionOf(std::string_view reason);

// A Markdown page with every event.
std::string EventsPage();

}  // namespace spillway::controller
