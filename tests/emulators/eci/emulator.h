#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "base/task.h"
#include "net/http_client.h"
#include "tests/emulators/common/limits.h"
#include "tests/emulators/common/service.h"
#include "tests/emulators/eci/group.h"
#include "tests/emulators/eci/verify.h"

// Alibaba Cloud's Elastic Container Instance, API 2018-08-08, as far as its documents and its vendor's SDK show it: for
// tests and demonstrations. It shares nothing with the provider under test, and the vendor's own SDK takes it for the
// service (tests/emulators/sdk_test.py). Nothing runs in it.
namespace spillway::emulators::eci {

// What goes wrong, each with its probability in [0, 1] per call or group, drawn from the runtime's seed. May be changed
// at any time.
struct Faults {
  double no_stock = 0;           // create refused
  double late_no_stock = 0;      // create accepted, ScheduleFailed later
  double throttled = 0;          // any call, within its limit too
  double server_error = 0;       // 500, nothing done
  double lost_request = 0;       // nothing done, no answer
  double lost_reply = 0;         // done, no answer
  double ignored_delete = 0;     // 200, and nothing happens
  bool details_hidden = false;   // DescribeContainerGroups alone lists nothing
  bool permission_lost = false;  // lists are empty and 200, all else is Forbidden.RAM
  bool in_arrears = false;       // creates are refused
  bool down = false;             // no connection
  Duration clock_offset{0};      // of its clock to everybody's
  std::set<std::string> zones_without_stock;
};

struct EmulatorOptions {
  std::string region = "cn-emulated";
  std::map<std::string, Key> keys = {{"emulated-key", {"emulated-secret", "", false}}};
  std::map<std::string, std::string> zone_of_vswitch = {{"vsw-a", "cn-emulated-a"}, {"vsw-b", "cn-emulated-b"}};
  Duration call = std::chrono::milliseconds(20);
  Duration schedule_after = std::chrono::milliseconds(400), start_after = std::chrono::seconds(2);
  Duration stop_after = std::chrono::milliseconds(500);
  Duration lost_after = std::chrono::seconds(10);  // when the caller of a lost call gives up
  bool enforces_limits = true;
  std::size_t quota_groups = 100000;
  double quota_cpu = 100000;  // told, not enforced
  // What a second costs, of a vCPU, a GiB, and each instance type that there is.
  double cpu_second = 0.000049, gib_second = 0.00000613;
  std::map<std::string, double> type_second = {{"ecs.c7.large", 0.000175}};
  Faults faults;
};

// For figures and invariants.
struct Counts {
  std::map<std::string, std::uint64_t> calls;  // by API, answered or not
  std::uint64_t created = 0, repeated = 0, throttled = 0, deleted = 0;
};

class Emulator final : public Service {
 public:
  // The runtime outlives it; it outlives its clients and servers.
  Emulator(Runtime& runtime, EmulatorOptions options);
  ~Emulator() override;

  Task<std::optional<net::ServerResponse>> Serve(net::ServerRequest request) override;
  // /_emulator/faults, /_emulator/reclaim; what it takes and took: /_emulator/parameters, /_emulator/last_create,
  // /_emulator/counts.
  net::ServerResponse Steer(const net::ServerRequest& request) override;
  Line line() const override { return {options_.faults.down, options_.lost_after, options_.faults.clock_offset}; }
  std::unique_ptr<net::HttpClient> NewClient() { return ConnectTo(runtime_, *this); }

  Faults& faults() { return options_.faults; }
  EmulatorOptions& options() { return options_; }
  const Counts& counts() const { return counts_; }
  // Groups that have not ended and are not gone, deletions under way included.
  std::vector<Group> Live() const;
  std::size_t live() const;
  // What must never be: two live groups of one Pod (tag `spillway-uid`), which nobody has asked to go.
  const std::vector<std::string>& violations() const { return violations_; }
  // Takes a spot instance back. False: there is none.
  bool Reclaim(const std::string& id);
  // A status that nobody has heard of.
  bool SayOddly(const std::string& id, const std::string& status);
  // Of the last CreateContainerGroup that was understood.
  const ParameterMap& last_create() const { return last_create_; }

 private:
  struct Answer {
    int status = 200;
    Json body;
    Duration retry_after{0};
  };

  WallTime Now() const { return runtime_.WallNow() + options_.faults.clock_offset; }
  Answer Decide(const net::ServerRequest& request);
  Answer Dispatch(const SignedCall& call);
  Answer Fail(int status, const std::string& code, const std::string& message);
  bool IsThrottled(const std::string& api);
  Answer Create(const ParameterMap& parameters);
  Answer Make(const ParameterMap& parameters);
  Answer Delete(const ParameterMap& parameters);
  Answer DescribeGroups(const ParameterMap& parameters);
  Answer DescribeStatus(const ParameterMap& parameters);
  Answer DescribeLog(const ParameterMap& parameters);
  Answer Exec(const ParameterMap& parameters);
  Answer Metrics(const ParameterMap& parameters);
  Answer Price(const ParameterMap& parameters);
  Answer AvailableResource(const ParameterMap& parameters);
  Answer Usage() const;
  // The groups that a listing shows, in the order of their ids, and where the next page begins.
  std::vector<const Group*> Selected(const ParameterMap& parameters, std::size_t limit, std::string& next);
  Group* Find(const std::string& id);
  // Ended groups are told of for an hour, the last 100 of them.
  void ForgetOld();
  void CheckOnePerPod(const Group& made);

  Runtime& runtime_;
  EmulatorOptions options_;
  Random random_;
  std::map<std::string, Group> groups_;  // by id; ids grow
  struct Token {
    std::string id, fingerprint;
  };
  std::map<std::string, Token> tokens_;  // by client token
  std::set<std::string> nonces_;
  Limits limits_;
  std::map<std::string, std::vector<std::string>> of_pod_;  // Pod UID -> group ids
  std::uint64_t next_id_ = 1, next_request_ = 1;
  Counts counts_;
  std::vector<std::string> violations_;
  ParameterMap last_create_;
};

}  // namespace spillway::emulators::eci
