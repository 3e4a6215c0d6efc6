#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

// What a PodLifecycle knows of its Pod's way and of its instance.
namespace spillway::cloud {

// A listing was asked for; ask again when it did not come.
inline constexpr Duration kListingPatience = std::chrono::seconds(5);
// Somebody else may have the node: look again whether it is ours.
inline constexpr Duration kFenced = std::chrono::seconds(1);

// Where a Pod stands.
enum class PodStand : std::uint8_t {
  kWaiting,    // has no instance, and gets one as soon as it may
  kCreating,   // a create is under way
  kUnknown,    // listings have to tell whether it has an instance: see Doubt
  kHosted,     // has an instance
  kReplacing,  // the cloud gave its instance up before it ran: that one goes, then it waits for another
  kDropping,   // the Pod has ended by our decision, or by somebody else's: its instance goes
  kOver,       // has no instance, and gets none
  kLeaving,    // the Pod is to go, its instance goes first
  kReleasing,  // nothing is left in the cloud: the Pod goes
  kDone,
};

// How long nothing has to be done.
struct PodWait {
  std::optional<Duration> at_most;  // none: until something changes
  PodWait NoLongerThan(std::optional<Duration> limit) const {
    return !at_most || (limit && *limit < *at_most) ? PodWait{limit} : *this;
  }
};

// Why it is not known whether there is an instance, and what follows when listings show none.
enum class Doubt : std::uint8_t {
  kUnanswered,     // a create: one listing, then the same token again
  kTokenMismatch,  // the cloud knows the token for something else: when it is certain, a new token
  kHadRun,         // by the Pod's status it had one before this agent: when it is certain, it is lost
};
struct UnknownInstance {
  Doubt doubt;
  Instant since;
};

// Listings in a row that lack what should be there.
struct Absence {
  int listings = 0;
  Instant since;
};

struct Deletion {
  Duration grace{0};
  std::optional<Instant> accepted;  // for the last time
  std::optional<Instant> absent;    // first looked for in vain, after that
  Instant next_look{};
  Duration look_pause{0};
  bool is_gone = false;
};

}  // namespace spillway::cloud
