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
#include "tests/emulators/common/limits.h"
#include "tests/emulators/common/service.h"
#include "tests/emulators/eksci/fields.h"
#include "tests/emulators/eksci/instance.h"
#include "tests/emulators/eksci/verify.h"

// Tencent Cloud's EKSCI, API TKE 2018-05-25, as far as its documents and its vendor's SDK show it: for tests and
// demonstrations. It shares nothing with the provider under test, and the vendor's own SDK takes it for the service
// (tests/emulators/eksci_sdk_test.py). Nothing runs in it.
namespace spillway::emulators::eksci {

// What goes wrong, each with its probability in [0, 1] per call or instance, drawn from the runtime's seed. May be
// changed at any time.
struct Faults {
  double no_stock = 0;           // create refused
  double late_no_stock = 0;      // create accepted; it stays Pending, and an event says why
  double throttled = 0;          // any call, within its limit too
  double server_error = 0;       // InternalError, nothing done
  double lost_request = 0;       // nothing done, no answer
  double lost_reply = 0;         // done, no answer
  double ignored_delete = 0;     // a success, and nothing happens
  double moving_pages = 0;       // before a page an instance of an earlier one is taken away
  Duration shown_late{0};        // after a create, before any answer tells of it
  bool permission_lost = false;  // everything is UnauthorizedOperation
  bool lists_nothing = false;    // as if there were no instances
  bool hides_environment = false;
  bool in_arrears = false;   // creates are refused
  bool down = false;         // no connection
  Duration clock_offset{0};  // of its clock to everybody's
  std::set<std::string> zones_without_stock;
};

struct EmulatorOptions {
  std::string region = "ap-emulated", vpc = "vpc-1";
  std::map<std::string, Key> keys = {{"emulated-id", {"emulated-secret", "", false}}};
  std::map<std::string, std::string> zone_of_subnet = {{"subnet-a", "ap-emulated-1"}, {"subnet-b", "ap-emulated-2"}};
  Duration call = std::chrono::milliseconds(20);
  Duration schedule_after = std::chrono::milliseconds(400), start_after = std::chrono::seconds(2);
  Duration stop_after = std::chrono::milliseconds(500);
  Duration lost_after = std::chrono::seconds(10);  // when the caller of a lost call gives up
  bool enforces_limits = true;
  std::size_t quota_instances = 100000;
  Faults faults;
};

// For figures and invariants.
struct Counts {
  std::map<std::string, std::uint64_t> calls;  // by API, answered or not
  std::uint64_t created = 0, throttled = 0, deleted = 0;
};

class Emulator final : public Service {
 public:
  // The runtime outlives it; it outlives its clients and servers.
  Emulator(Runtime& runtime, EmulatorOptions options);
  ~Emulator() override;

  Task<std::optional<net::ServerResponse>> Serve(net::ServerRequest request) override;
  // /_emulator/faults; what it takes and took: /_emulator/fields, /_emulator/last_create; what it has:
  // /_emulator/state.
  net::ServerResponse Steer(const net::ServerRequest& request) override;
  Line line() const override { return {options_.faults.down, options_.lost_after, options_.faults.clock_offset}; }
  std::unique_ptr<net::HttpClient> NewClient() { return ConnectTo(runtime_, *this); }

  Faults& faults() { return options_.faults; }
  EmulatorOptions& options() { return options_; }
  const Counts& counts() const { return counts_; }
  // Those that have not ended and are not gone, deletions under way included.
  std::vector<Instance> Live() const;
  std::size_t live() const { return Live().size(); }
  // What should not be: two live instances of one name, which nobody has asked to go.
  const std::vector<std::string>& violations() const { return violations_; }
  // A status that nobody has heard of.
  bool SayOddly(const std::string& id, const std::string& status);
  // A second one, as if a create that was thought lost had been carried out after all. Its id.
  std::string Double(const std::string& id);
  // Of the last create that was understood.
  const Json& last_create() const { return last_create_; }

 private:
  // The content of "Response", but for the request's id.
  using Answer = Json;

  WallTime Now() const { return runtime_.WallNow() + options_.faults.clock_offset; }
  Answer Decide(const net::ServerRequest& request);
  Answer Dispatch(const std::string& api, const Json& body);
  static Answer Fail(const std::string& code, const std::string& message);
  Answer Create(const Json& body);
  Answer Delete(const Json& body);
  Answer Describe(const Json& body);
  Answer Log(const Json& body);
  Answer Events(const Json& body);
  bool IsSelected(const Instance& instance, const Json& body) const;
  Instance* Find(const std::string& id);
  std::string Keep(Instance instance);
  void CheckOnePerName(const std::string& name);
  std::vector<const Instance*> Candidates(const Json& body);
  void MovePages(const std::vector<const Instance*>& selected, std::size_t offset);

  Runtime& runtime_;
  EmulatorOptions options_;
  Random random_;
  Limits limits_;
  std::map<std::string, Instance> instances_;  // by id; ids grow
  std::map<std::string, std::vector<std::string>> of_name_;
  std::uint64_t next_id_ = 1, next_request_ = 1;
  Counts counts_;
  std::vector<std::string> violations_;
  Json last_create_;
};

}  // namespace spillway::emulators::eksci
