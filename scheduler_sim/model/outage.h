#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "kube/api/objects.h"

// States of a node in which Kubernetes itself keeps Pods off it, for now: a node that is out. What its owner says of a
// node for good, a taint of his own or a label, is none.
namespace spillway::sim {

struct Outage {
  std::string_view taint;  // its key
  std::string_view text;   // "not ready"
  bool ends_when_ready;    // the taint goes when the node is Ready and in use
};
// The gravest first.
std::span<const Outage> Outages();
// nullptr when the taint speaks of none.
const Outage* OutageOf(const kube::Taint& taint);
// Also spec.unschedulable, for which kube-scheduler needs no taint.
inline constexpr std::string_view kCordonTaint = "node.kubernetes.io/unschedulable";

// How nodes are taken to be when a question is about what could be.
enum class Suppose : std::uint8_t {
  kNothing,  // as they are
  kReady,    // those that are not ready, or new, are
  kInOrder,  // none is out
};
// Whether the taint would still be there.
bool Stays(const kube::Taint& taint, Suppose suppose);

}  // namespace spillway::sim
