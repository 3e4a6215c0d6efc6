#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "cloud/provider.h"
#include "cloud/providers/alibaba/instance_reader.h"
#include "cloud/providers/alibaba/market.h"
#include "cloud/providers/alibaba/options.h"
#include "cloud/providers/rest/caller.h"
#include "cloud/providers/rest/credentials.h"
#include "cloud/providers/rest/zone_rotation.h"
#include "cloud/streams.h"
#include "net/http_client.h"

namespace spillway::cloud::alibaba {

class Streams;

// Pods as container groups of Alibaba Cloud's Elastic Container Instance. docs/alibaba-eci.md says what maps to what.
//
// Changes are polled with DescribeContainerGroupStatus, 200 groups a call; what that lacks (tags, init containers,
// events) comes from DescribeContainerGroups, 20 a call, and is kept as long as it cannot have changed. Nothing kept is
// needed: a new process asks again.
class EciProvider final : public Provider {
 public:
  // All referenced objects outlive it.
  EciProvider(Runtime& runtime, net::HttpClient& client, rest::CredentialSource& credentials, Options options);
  ~EciProvider() override;

  std::string_view name() const override { return "alibabacloud"; }
  ProviderCapabilities capabilities() const override;
  Task<CloudResult<Instance>> Create(CreateRequest request) override;
  Task<CloudResult<Changes>> Poll(InstanceScope scope, std::string cursor) override;
  Task<CloudResult<std::vector<Instance>>> List(std::string cluster_id) override;
  Task<CloudResult<std::vector<Instance>>> Describe(std::vector<std::string> instance_ids) override;
  // ECI knows no grace but the Pod's own.
  Task<CloudStatus> Delete(std::string instance_id, Duration grace) override;
  // Fails when ECI lists nothing of what was there moments ago, too: that is how it answers those who may see nothing.
  Task<CloudStatus> Ping() override;
  Bill BillFor(const nlohmann::json& pod) const override;
  Market market() const override;
  bool has_market() const override { return true; }
  // Prices by DescribeContainerGroupPrice; stock, of a configured instance type, by DescribeAvailableResource.
  Task<CloudStatus> RefreshMarket() override;
  InstanceStreams* streams() override;

  // Of calls, by API.
  const std::map<std::string, rest::CallCounts>& calls() const { return caller_.counts(); }
  // Zones out of stock at the moment.
  std::vector<rest::Subnet> OutOfStock() const { return zones_.OutOfStock(runtime_.Now()); }
  // How often ECI said a status that we do not know.
  std::uint64_t unknown_statuses() const { return unknown_statuses_; }
  // What is known of an instance; null: nothing.
  const Instance* Find(const std::string& id) const;

 private:
  friend class Streams;

  struct Record {
    std::optional<Details> details;
    GroupStatus detailed_at;         // as it was when the details were asked for
    std::optional<Instance> seen;    // the last time
    std::optional<Instance> polled;  // as Poll() told it last
    Instant seen_at{};
    bool is_deleted = false;  // asked to go, heard or not
  };
  using Statuses = CloudResult<std::vector<GroupStatus>>;

  Task<CloudResult<Json>> Call(const char* api, rest::Parameters parameters);
  // All pages.
  Task<Statuses> Pages(rest::Parameters filter);
  // What the statuses lack is asked for, then they are merged. Those that have vanished meanwhile are left out.
  Task<CloudResult<std::vector<Instance>>> Complete(std::vector<GroupStatus> statuses);
  Task<CloudStatus> FetchDetails(std::vector<GroupStatus> statuses);
  bool NeedsDetails(const GroupStatus& status) const;
  Instance Note(const GroupStatus& status);
  void NoteStock(const Instance& instance, const Details& details);
  void ForgetAllBut(const std::set<std::string>& ids);
  std::vector<Instance> NewsOf(const InstanceScope& scope, std::vector<Instance> instances);
  bool IsBusy() const;
  std::vector<std::string> VSwitchesFor(const std::string& client_token);
  CloudResult<Instance> OnCreated(const CreateRequest& request, const Json& answer);
  Task<CloudStatus> CheckThatOursAreSeen();
  Task<CloudResult<Quote>> AskPrice(rest::Parameters of);
  Task<CloudStatus> RefreshUnitPrices();
  Task<CloudStatus> RefreshType(std::string type);

  Runtime& runtime_;
  Options options_;
  rest::Caller caller_;
  rest::ZoneRotation zones_;
  std::map<std::string, Record> records_;  // by instance id
  // A create is the same each time under one token, so its VSwitches are too, also their order: ECI itself draws a
  // random one. Until it has succeeded or is refused.
  std::map<std::string, std::vector<std::string>> vswitches_of_;
  Quotes quotes_;
  std::string cluster_id_;  // that was listed last
  std::uint64_t unknown_statuses_ = 0;
  std::unique_ptr<Streams> streams_;
};

}  // namespace spillway::cloud::alibaba
