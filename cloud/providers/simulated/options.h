#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "base/time.h"
#include "kube/api/capabilities.h"

namespace spillway::cloud {

// How long something takes in a simulated cloud, as flags and scenario files write it: "1s" (always), "exp(2s)"
// (exponential with that mean, cut at ten times it), "uniform(1s,3s)".
class Latency {
 public:
  static Latency Fixed(Duration length) { return Latency(Kind::kFixed, length, length); }
  static Latency Exponential(Duration mean) { return Latency(Kind::kExponential, mean, mean); }
  static Latency Uniform(Duration low, Duration high) { return Latency(Kind::kUniform, low, high); }
  static Result<Latency> Parse(std::string_view text);

  Duration Draw(Random& random) const;

 private:
  enum class Kind : std::uint8_t { kFixed, kExponential, kUniform };
  Latency(Kind kind, Duration low, Duration high) : kind_(kind), low_(low), high_(high) {}
  Kind kind_;
  Duration low_, high_;
};

// What goes wrong, each with its probability in [0, 1] per call or instance. May be changed while the cloud runs.
struct SimulatedFaults {
  double no_stock = 0;        // create refused
  double late_no_stock = 0;   // create accepted, given up when the instance should have started
  double throttled = 0;       // any call refused
  double lost_request = 0;    // nothing done, and the caller waits for nothing
  double lost_reply = 0;      // done, but the caller waits for nothing
  double ignored_delete = 0;  // accepted, and nothing happens
  bool auth_lost = false;     // credentials gone: creates refused, and, as real clouds do, listings empty
  bool down = false;          // every call fails at once
};

// Those of a typical serverless service.
std::vector<kube::LargestInstance> TypicalLargestInstances();

struct SimulatedCloudOptions {
  Latency call = Latency::Fixed(20ms);   // a call's way there and back
  Latency start = Latency::Fixed(1s);    // from the create to running containers
  Latency stop = Latency::Fixed(200ms);  // from the delete to nothing left
  Duration lost_after = 10s;             // when a caller gives up on a lost reply
  // The account's limits over all nodes; absent: none.
  std::optional<std::int64_t> quota_cpu_milli, quota_memory_bytes, quota_pods;
  std::string pod_network = "10.200.0.0";  // Pod IPs are taken from this /16 upwards, never twice
  // What its providers say. It takes larger ones all the same: that agents keep to it is for them to show.
  std::vector<kube::LargestInstance> largest = TypicalLargestInstances();
  SimulatedFaults faults;
};

}  // namespace spillway::cloud
