#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "cloud/provider.h"
#include "cloud/providers/rest/caller.h"
#include "cloud/providers/rest/credentials.h"
#include "cloud/providers/rest/zone_rotation.h"
#include "cloud/providers/tencent/create_request.h"
#include "cloud/providers/tencent/instance_reader.h"
#include "cloud/providers/tencent/options.h"
#include "cloud/streams.h"
#include "net/http_client.h"

namespace spillway::cloud::tencent {

class Streams;

// Pods as container instances of Tencent Cloud's EKSCI. docs/tencent-eksci.md says what maps to what.
//
// There is no token that makes a create idempotent: each one is looked for by its name first (instance_name.h), and one
// that may have been carried out is not made again before it would show. Should there be two all the same, the older
// one counts. Nothing kept here is needed: a new process asks again.
//
// Nor is there a call that tells only what has changed. What is on its way is asked for by id; all the rest is listed,
// 100 a page, at a pace that leaves most of the rate limit to others.
class EksciProvider final : public Provider {
 public:
  // All referenced objects outlive it.
  EksciProvider(Runtime& runtime, net::HttpClient& client, rest::CredentialSource& credentials, Options options);
  ~EksciProvider() override;

  std::string_view name() const override { return "tencentcloud"; }
  ProviderCapabilities capabilities() const override;
  bool fills_in_pod_ip() const override { return false; }
  Task<CloudResult<Instance>> Create(CreateRequest request) override;
  Task<CloudResult<Changes>> Poll(InstanceScope scope, std::string cursor) override;
  Task<CloudResult<std::vector<Instance>>> List(std::string cluster_id) override;
  Task<CloudResult<std::vector<Instance>>> Describe(std::vector<std::string> instance_ids) override;
  // EKSCI knows no grace.
  Task<CloudStatus> Delete(std::string instance_id, Duration grace) override;
  // Fails when EKSCI lists nothing of what was there moments ago, too.
  Task<CloudStatus> Ping() override;
  // EKSCI has no call for prices: flags may say some. What is out of stock is known from creates.
  Bill BillFor(const nlohmann::json& pod) const override;
  Market market() const override;
  InstanceStreams* streams() override;

  // Of calls, by API.
  const std::map<std::string, rest::CallCounts>& calls() const { return caller_.counts(); }
  // Zones out of stock at the moment.
  std::vector<rest::Subnet> OutOfStock() const { return zones_.OutOfStock(runtime_.Now()); }
  // How often EKSCI said a status that we do not know.
  std::uint64_t unknown_statuses() const { return unknown_statuses_; }
  // What is known of an instance; null: nothing.
  const Instance* Find(const std::string& id) const;

 private:
  friend class Streams;

  struct Record {
    Instance seen;                   // the last time
    std::optional<Instance> polled;  // as Poll() told it last
    Instant seen_at{};
    bool is_deleted = false;  // asked to go, heard or not
    std::vector<InstanceEvent> events;
    std::optional<Instant> asked_events;
    int events_of_restart = 0;  // how often its containers had been restarted then
    std::string subnet;
  };
  using Statuses = CloudResult<std::vector<InstanceStatus>>;
  using Instances = CloudResult<std::vector<Instance>>;

  Task<CloudResult<Json>> Call(const char* api, Json body);

  // ---- what is there
  // All that `filters` match, or an error: pages overlap, and begin anew when something between them has moved.
  Task<Statuses> Sweep(Json filters);
  Task<Statuses> TrySweep(Json filters, bool& is_whole);
  // Of the whole VPC, once the pace allows it.
  Task<Statuses> SweepAll();
  Task<Statuses> DescribeIds(std::vector<std::string> ids);
  // Those of ours, with events where they matter; noted.
  Task<Instances> Complete(std::vector<InstanceStatus> statuses);
  Task<void> FetchEvents(std::string id);
  std::vector<std::string> LackingEvents(const std::vector<InstanceStatus>& statuses) const;
  Instance Note(const InstanceStatus& status);
  void Know(const std::string& cluster_id, const std::string& node_name);
  // Of a node that was asked for: others see to theirs themselves.
  bool IsOfOurNode(const InstanceStatus& status) const;
  InstanceIdentity IdentityOf(const InstanceStatus& status, const NameParts& name) const;
  bool IsWithoutPlace(const InstanceStatus& status, const Record& record) const;
  void NoteStock(const Instance& instance, const std::string& subnet);
  void ForgetGone(const std::set<std::string>& ids);

  // ---- changes
  std::vector<std::string> Busy() const;
  std::vector<Instance> NewsOf(const InstanceScope& scope);
  Task<CloudStatus> LookAround();
  Duration BusyPace() const;
  Duration SweepPace() const;

  // ---- create
  // nullopt: it is certain that there is none.
  Task<CloudResult<std::optional<Instance>>> Look(CreateBody body, InstanceIdentity identity);
  void NoteUncertain(const std::string& name);
  Task<CloudResult<Instance>> MakeSomewhere(CreateRequest request);
  Task<void> DropDuplicates(std::vector<std::string> ids);
  CloudResult<Instance> OnCreated(const InstanceIdentity& identity, const std::string& subnet, const Json& answer);
  Task<CloudStatus> CheckThatOursAreSeen();

  Runtime& runtime_;
  Options options_;
  rest::Caller caller_;
  rest::ZoneRotation zones_;
  std::map<std::string, Record> records_;                // by instance id; of ours alone
  std::map<std::string, Instant> uncertain_;             // by name: creates that got no answer
  std::map<std::string, InstanceIdentity> made_;         // by name, where instances do not tell it themselves
  std::map<std::string, std::string> clusters_, nodes_;  // by their marks in names: those that were asked for
  std::size_t pages_ = 1;                                // of the last sweep
  std::optional<Instant> swept_at_;
  std::uint64_t polls_ = 0;
  std::uint64_t unknown_statuses_ = 0;
  std::unique_ptr<Streams> streams_;
};

}  // namespace spillway::cloud::tencent
