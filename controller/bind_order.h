#pragma once

#include <string>

#include "base/time.h"
#include "controller/decision.h"
#include "kube/bind.h"

namespace spillway::controller {

// One bind, confirmed against the newest state and ready to be sent, with what is needed to tell about it afterwards,
// when the Pod may be gone from memory.
struct BindOrder {
  kube::BindRequest request;
  std::string decision_id;
  Decision decision;
  Duration pending_for{0};  // up to when it was sent
  Instant sent{};
};

enum class BindResult : std::uint8_t {
  kBound,
  kConflict,   // the Pod has changed: decide again when the watch shows how
  kGone,       // the Pod does not exist any more
  kForbidden,  // a permission is missing, or an admission plugin refuses
  kRejected,   // refused for good or for now; certainly not carried out
  kUnknown,    // no answer, or a server error: it may have been carried out
};
// As the result label of spillway_binds_total: the last two are "error".
std::string_view ToString(BindResult result);
BindResult Classify(const Status& status);

}  // namespace spillway::controller
