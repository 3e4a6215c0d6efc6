#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"
#include "controller/policy/policy.h"
#include "kube/api/objects.h"

// Fail over: a Pod that its virtual node cannot run (no stock, no quota, trouble of the cloud) is evicted, where its
// namespace allows it, so that its owner makes another, which goes elsewhere.
namespace spillway::controller {

// "true" on a Namespace allows it; on a Pod "false" forbids it, and "true" allows it to a Job's, for which each
// eviction counts as a failure (backoffLimit). Annotation or label, the annotation first.
inline constexpr std::string_view kFailOver = "spillway.io/fail-over";

// An owner's Pods are evicted no more often than this, and avoid the node, within so long.
inline constexpr int kMostFailOvers = 3;
inline constexpr Duration kFailOverMemory = std::chrono::hours(1);

// Its node says that it cannot run the Pod: our agents' word, or virtual-kubelet's own. Nothing of it may have run.
//
// Source: cloud/agent (InstanceCreateFailed); virtual-kubelet node/pod.go podStatusReasonProviderFailed.
bool IsRefused(const kube::Pod& pod);

// What an eviction is to be told by: a refused Pod, as the watch shows it.
struct RefusedPod {
  std::string ns, name, uid, resource_version, node;
  std::optional<kube::OwnerReference> owner;
  std::optional<std::string> own_word;  // kFailOver on the Pod
  std::string why;                      // the node's words
  bool was_sent = false;                // by Spillway; others would send its successor there again
  bool is_refused = false;              // now; otherwise it was, and has not started since
  Instant since{};                      // when it was first seen refused
};

struct FailOverFacts {
  Instant now{};
  bool namespace_allows = false;
  bool node_speaks = false;       // it is virtual and Ready: what it says of its Pods is true now
  bool has_another_node = false;  // a virtual node that takes Pods, and on which the owner has not failed
  int evictions = 0;              // of the owner, within kFailOverMemory
};

// Why a Pod that was refused stays where it is.
enum class FailOverWait : std::uint8_t {
  kNothing,         // it goes now
  kNotIts,          // never: not ours, not allowed, without an owner, of a Job or a DaemonSet, switched off
  kGrace,           // refused for less than --virtual-grace, or not refused now, or its node is silent
  kNoOtherNode,     // told
  kTooManyEvicted,  // told
};
FailOverWait WhyNotFailedOver(const RefusedPod& pod, const FailOverFacts& facts, const Policy& policy);

// What has been evicted lately, by owner: how many, and from where. It outlives its process as text. By the
// controllers' wall clocks.
class FailOverBook {
 public:
  struct Entry {
    std::string owner, node;  // the owner's UID
    WallTime at{};
    bool operator==(const Entry&) const = default;
  };

  void Note(Entry entry);
  // It came to nothing, for certain.
  void TakeBack(const Entry& entry);
  // Forgets what is older than kFailOverMemory.
  void Forget(WallTime now);

  int CountOf(const std::string& owner) const;
  bool Has(const std::string& owner, const std::string& node) const;
  // Where its next Pods are not to go.
  std::set<std::string> NodesOf(const std::string& owner) const;
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }

  // A line for each: "OWNER NODE TIME". Lines that cannot be read are left out.
  std::string ToText() const;
  static FailOverBook FromText(std::string_view text);

 private:
  std::deque<Entry> entries_;
  std::unordered_map<std::string, int> counts_;  // by owner
};

}  // namespace spillway::controller
