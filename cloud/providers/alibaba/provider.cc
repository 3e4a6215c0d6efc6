#include "cloud/providers/alibaba/provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "cloud/providers/alibaba/create_parameters.h"
#include "cloud/providers/alibaba/service.h"
#include "cloud/providers/alibaba/streams.h"
#include "cloud/providers/rest/batches.h"
#include "cloud/providers/rest/error_rules.h"

namespace spillway::cloud::alibaba {
namespace {

using rest::Failed;
using rest::InBatches;

constexpr std::size_t kMaxPages = 1000;
constexpr Duration kPollOverlap = 5s;        // changes that ECI shows late
constexpr Duration kForgottenAfter = 10min;  // what no listing shows any more
constexpr Duration kSeenLately = 10min;
constexpr std::size_t kTokensKept = 10000;

std::string JsonList(const std::vector<std::string>& texts) { return Json(texts).dump(); }

bool IsDone(const std::vector<ContainerState>& containers) {
  return std::all_of(containers.begin(), containers.end(),
                     [](const auto& one) { return one.kind == ContainerState::Kind::kTerminated; });
}

}  // namespace

EciProvider::EciProvider(Runtime& runtime, net::HttpClient& client, rest::CredentialSource& credentials,
                         Options options)
    : runtime_(runtime),
      options_(std::move(options)),
      caller_(runtime, client, credentials, EciDialect(options_), EciLimits(options_.limit_share)),
      zones_(options_.vswitches, rest::ZoneRotation::Strategy::kOrdered),
      streams_(std::make_unique<Streams>(*this)) {}

EciProvider::~EciProvider() = default;

InstanceStreams* EciProvider::streams() { return streams_.get(); }

ProviderCapabilities EciProvider::capabilities() const {
  auto largest = kube::ParseLargestInstances("cpu=64,memory=512Gi,ephemeral-storage=30Gi");
  return {.features = EciFeatures(), .largest = largest ? *largest : std::vector<kube::LargestInstance>()};
}

const Instance* EciProvider::Find(const std::string& id) const {
  const auto record = records_.find(id);
  return record == records_.end() || !record->second.seen ? nullptr : &*record->second.seen;
}

Task<CloudResult<Json>> EciProvider::Call(const char* api, rest::Parameters parameters) {
  rest::Call call;
  call.api = api;
  call.parameters = std::move(parameters);
  const auto has_region = [](const auto& parameter) { return parameter.first == "RegionId"; };
  if (std::none_of(call.parameters.begin(), call.parameters.end(), has_region)) {
    call.parameters.emplace_back("RegionId", options_.region);
  }
  return caller_.Send(std::move(call));
}

// ---- what is there

Task<EciProvider::Statuses> EciProvider::Pages(rest::Parameters filter) {
  std::vector<GroupStatus> all;
  std::set<std::string> tokens;
  std::string token;
  for (std::size_t page = 0; page < kMaxPages; ++page) {
    rest::Parameters parameters = filter;
    parameters.emplace_back("Limit", fmt::format("{}", kStatusPage));
    if (!token.empty()) parameters.emplace_back("NextToken", token);
    auto answer = co_await Call("DescribeContainerGroupStatus", std::move(parameters));
    if (!answer) co_return tl::unexpected(std::move(answer).error());
    for (const Json& item : Items(At(*answer, "Data"))) all.push_back(ReadStatus(item));
    token = TextAt(*answer, "NextToken");
    if (token.empty()) co_return all;
    if (!tokens.insert(token).second) break;
  }
  co_return tl::unexpected(Failed(Refusal::kTransient, Code::kInternal,
                                  "DescribeContainerGroupStatus: the pages of the listing come to no end"));
}

// Init containers and events can change until everything runs; how it ended is told by the last events.
bool EciProvider::NeedsDetails(const GroupStatus& status) const {
  const auto record = records_.find(status.id);
  if (record == records_.end() || !record->second.details) return true;
  const Record& known = record->second;
  if (known.detailed_at == status)
    return status.state == InstanceState::kPending && !IsDone(known.details->init_containers);
  if (!IsDone(known.details->init_containers)) return true;
  return status.state != InstanceState::kRunning || known.detailed_at.containers != status.containers;
}

Task<CloudStatus> EciProvider::FetchDetails(std::vector<GroupStatus> statuses) {
  for (std::vector<GroupStatus>& batch : InBatches(std::move(statuses), kDescribePage)) {
    std::vector<std::string> ids;
    for (const GroupStatus& status : batch) ids.push_back(status.id);
    rest::Parameters parameters = {{"ContainerGroupIds", JsonList(ids)}, {"WithEvent", "true"}};
    parameters.emplace_back("Limit", fmt::format("{}", kDescribePage));
    auto answer = co_await Call("DescribeContainerGroups", std::move(parameters));
    if (!answer) co_return tl::unexpected(std::move(answer).error());
    const Json& groups = Items(At(*answer, "ContainerGroups"));
    if (groups.empty()) {  // a listing without them would be taken for a cloud without them
      co_return tl::unexpected(Failed(Refusal::kTransient, Code::kInternal,
                                      fmt::format("DescribeContainerGroups shows none of {} groups that "
                                                  "DescribeContainerGroupStatus has just listed: are both allowed?",
                                                  batch.size())));
    }
    for (const Json& group : groups) {
      Record& record = records_[TextAt(group, "ContainerGroupId")];
      record.details = ReadDetails(group);
      for (const GroupStatus& status : batch) {
        if (status.id == TextAt(group, "ContainerGroupId")) record.detailed_at = status;
      }
    }
  }
  co_return CloudStatus();
}

void EciProvider::NoteStock(const Instance& instance, const Details& details) {
  if (instance.refused == Refusal::kStock) zones_.OnOutOfStock(details.vswitch_id, runtime_.Now());
  if (instance.state == InstanceState::kRunning) zones_.OnStock(details.vswitch_id);
}

Instance EciProvider::Note(const GroupStatus& status) {
  Record& record = records_[status.id];
  if (!status.state) ++unknown_statuses_;
  Instance instance = Merge(status, *record.details, record.seen ? &*record.seen : nullptr);
  if (!record.seen || record.seen->state != instance.state) NoteStock(instance, *record.details);
  record.seen = instance;
  record.seen_at = runtime_.Now();
  return instance;
}

Task<CloudResult<std::vector<Instance>>> EciProvider::Complete(std::vector<GroupStatus> statuses) {
  std::vector<GroupStatus> lacking;
  for (const GroupStatus& status : statuses) {
    if (NeedsDetails(status)) lacking.push_back(status);
  }
  CloudStatus fetched = co_await FetchDetails(std::move(lacking));
  if (!fetched) co_return tl::unexpected(std::move(fetched).error());
  std::vector<Instance> instances;
  for (const GroupStatus& status : statuses) {
    const auto record = records_.find(status.id);
    if (record != records_.end() && record->second.details) instances.push_back(Note(status));
  }
  co_return instances;
}

void EciProvider::ForgetAllBut(const std::set<std::string>& ids) {
  std::erase_if(records_, [&](const auto& record) {
    return !ids.contains(record.first) && runtime_.Now() - record.second.seen_at > kForgottenAfter;
  });
}

Task<CloudResult<std::vector<Instance>>> EciProvider::List(std::string cluster_id) {
  rest::Parameters filter;
  int number = 1;
  AddTag(filter, number, kClusterTag, cluster_id);
  Statuses statuses = co_await Pages(std::move(filter));
  if (!statuses) co_return tl::unexpected(std::move(statuses).error());
  cluster_id_ = cluster_id;
  auto instances = co_await Complete(*std::move(statuses));
  if (!instances) co_return instances;
  std::erase_if(*instances, [&](const Instance& one) { return one.identity.cluster_id != cluster_id; });
  std::set<std::string> ids;
  for (const Instance& instance : *instances) ids.insert(instance.id);
  ForgetAllBut(ids);
  co_return instances;
}

Task<CloudResult<std::vector<Instance>>> EciProvider::Describe(std::vector<std::string> instance_ids) {
  std::vector<Instance> all;
  for (const std::vector<std::string>& batch : InBatches(std::move(instance_ids), kDescribePage)) {
    rest::Parameters filter = {{"ContainerGroupIds", JsonList(batch)}};
    Statuses statuses = co_await Pages(std::move(filter));
    if (!statuses) co_return tl::unexpected(std::move(statuses).error());
    auto instances = co_await Complete(*std::move(statuses));
    if (!instances) co_return instances;
    for (Instance& instance : *instances) all.push_back(std::move(instance));
  }
  co_return all;
}

// ---- changes

bool EciProvider::IsBusy() const {
  return std::any_of(records_.begin(), records_.end(), [this](const auto& entry) {
    const Record& record = entry.second;
    if (runtime_.Now() - record.seen_at > kSeenLately || !record.seen) return false;
    return record.is_deleted || record.seen->state == InstanceState::kPending;
  });
}

std::vector<Instance> EciProvider::NewsOf(const InstanceScope& scope, std::vector<Instance> instances) {
  std::vector<Instance> news;
  for (Instance& instance : instances) {
    const InstanceIdentity& identity = instance.identity;
    if (identity.cluster_id != scope.cluster_id || identity.node_name != scope.node_name) continue;
    Record& record = records_[instance.id];
    if (record.polled == instance) continue;
    record.polled = instance;
    news.push_back(std::move(instance));
  }
  return news;
}

// The cursor is the second at which the poll before it began.
Task<CloudResult<Changes>> EciProvider::Poll(InstanceScope scope, std::string cursor) {
  using Seconds = std::chrono::seconds;
  const Instant until = runtime_.Now() + kLongestPoll - options_.poll_quiet;
  for (;;) {
    const std::int64_t now = std::chrono::floor<Seconds>(runtime_.WallNow()).time_since_epoch().count();
    std::int64_t since = 0;
    const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), since);
    const bool is_known = error == std::errc() && since > 0 && since <= now;
    if (!is_known) {
      for (auto& [id, record] : records_) record.polled.reset();
    }
    rest::Parameters filter;
    int number = 1;
    AddTag(filter, number, kClusterTag, scope.cluster_id);
    AddTag(filter, number, kNodeTag, scope.node_name.substr(0, kMaxTagValue));
    if (is_known) {
      const auto overlap = std::chrono::duration_cast<Seconds>(kPollOverlap).count();
      filter.emplace_back("SinceSecond", fmt::format("{}", now - since + overlap));
    }
    Statuses statuses = co_await Pages(std::move(filter));
    if (!statuses) co_return tl::unexpected(std::move(statuses).error());
    auto instances = co_await Complete(*std::move(statuses));
    if (!instances) co_return tl::unexpected(std::move(instances).error());
    Changes changes;
    changes.instances = NewsOf(scope, *std::move(instances));
    changes.cursor = cursor = fmt::format("{}", now);
    if (!changes.instances.empty() || runtime_.Now() >= until) co_return changes;
    co_await runtime_.SleepFor(IsBusy() ? options_.poll_busy : options_.poll_quiet);
  }
}

// ---- create and delete

std::vector<std::string> EciProvider::VSwitchesFor(const std::string& client_token) {
  // Of creates that never had an outcome little is left; what is forgotten ECI refuses as a mismatch, if at all.
  if (vswitches_of_.size() > kTokensKept) vswitches_of_.clear();
  const auto known = vswitches_of_.find(client_token);
  if (known != vswitches_of_.end()) return known->second;
  std::vector<std::string> ids;
  for (const rest::Subnet& subnet : zones_.Candidates(runtime_.Now(), runtime_.random())) {
    if (ids.size() < kMaxVSwitches) ids.push_back(subnet.id);
  }
  vswitches_of_[client_token] = ids;
  return ids;
}

CloudResult<Instance> EciProvider::OnCreated(const CreateRequest& request, const Json& answer) {
  const std::string id = TextAt(answer, "ContainerGroupId");
  if (id.empty()) {
    return tl::unexpected(
        Failed(Refusal::kTransient, Code::kUnavailable, "CreateContainerGroup: the answer names no group"));
  }
  if (const Instance* known = Find(id)) return *known;
  Instance instance;
  instance.id = id;
  instance.identity = request.identity;
  Record& record = records_[id];
  record.seen = instance;
  record.seen_at = runtime_.Now();
  return instance;
}

Task<CloudResult<Instance>> EciProvider::Create(CreateRequest request) {
  const std::vector<std::string> vswitches = VSwitchesFor(request.client_token);
  auto parameters = CreateParameters(request, options_, vswitches);
  if (!parameters) {
    vswitches_of_.erase(request.client_token);
    co_return tl::unexpected(Failed(Refusal::kInvalid, Code::kInvalidArgument, parameters.error().message));
  }
  auto answer = co_await Call("CreateContainerGroup", *std::move(parameters));
  if (answer) {
    vswitches_of_.erase(request.client_token);
    co_return OnCreated(request, *answer);
  }
  CloudError failure = std::move(answer).error();
  if (failure.refusal == Refusal::kStock) {
    for (const std::string& id : vswitches) zones_.OnOutOfStock(id, runtime_.Now());
  }
  const bool needs_new_token =
      failure.refusal == Refusal::kStock || failure.refusal == Refusal::kQuota || failure.refusal == Refusal::kInvalid;
  if (needs_new_token) vswitches_of_.erase(request.client_token);
  co_return tl::unexpected(std::move(failure));
}

Task<CloudStatus> EciProvider::Delete(std::string instance_id, Duration /*grace*/) {
  rest::Parameters parameters = {{"ContainerGroupId", instance_id}};
  auto answer = co_await Call("DeleteContainerGroup", std::move(parameters));
  const auto record = records_.find(instance_id);
  if (record != records_.end() && (answer || rest::MayBeGone(answer.error()))) record->second.is_deleted = true;
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  if (record != records_.end()) record->second.seen_at = runtime_.Now();
  co_return CloudStatus();
}

// ---- is anybody there

Task<CloudStatus> EciProvider::CheckThatOursAreSeen() {
  const auto is_alive = [this](const auto& entry) {
    const Record& record = entry.second;
    return record.polled && !record.is_deleted && !HasEnded(*record.polled) &&
           runtime_.Now() - record.seen_at < kSeenLately;
  };
  const auto alive = std::count_if(records_.begin(), records_.end(), is_alive);
  if (alive == 0 || cluster_id_.empty()) co_return CloudStatus();
  rest::Parameters parameters = {{"Limit", "1"}};
  int number = 1;
  AddTag(parameters, number, kClusterTag, cluster_id_);
  auto answer = co_await Call("DescribeContainerGroupStatus", std::move(parameters));
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  if (!Items(At(*answer, "Data")).empty()) co_return CloudStatus();
  CloudError failure =
      Failed(Refusal::kAuth, Code::kPermissionDenied,
             fmt::format("ECI lists nothing, though {} instances ran within the last minutes: it answers so when "
                         "eci:DescribeContainerGroupStatus is not allowed; see docs/alibaba-eci.md, permissions",
                         alive));
  failure.request_id = TextAt(*answer, "RequestId");
  co_return tl::unexpected(std::move(failure));
}

Task<CloudStatus> EciProvider::Ping() {
  rest::Parameters nothing;
  auto usage = co_await Call("ListUsage", std::move(nothing));
  if (!usage) co_return tl::unexpected(std::move(usage).error());
  if (auto cpu = ReadQuota(*usage, runtime_.WallNow())) quotes_.cpu = std::move(cpu);
  co_return co_await CheckThatOursAreSeen();
}

// ---- what it costs

Bill EciProvider::BillFor(const nlohmann::json& pod) const { return BillOf(pod, options_, quotes_); }

Market EciProvider::market() const {
  Market market{quotes_.prices, zones_.Shortages(runtime_.Now(), runtime_.WallNow()), {}};
  market.stock->insert(market.stock->end(), quotes_.stock.begin(), quotes_.stock.end());
  if (quotes_.cpu) market.quotas.push_back(*quotes_.cpu);
  return market;
}

Task<CloudResult<Quote>> EciProvider::AskPrice(rest::Parameters of) {
  auto answer = co_await Call("DescribeContainerGroupPrice", std::move(of));
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  auto quote = ReadQuote(*answer);
  if (quote) co_return *std::move(quote);
  co_return tl::unexpected(
      Failed(Refusal::kInvalid, Code::kInternal, "DescribeContainerGroupPrice: the answer has no TradePrice"));
}

Task<CloudStatus> EciProvider::RefreshUnitPrices() {
  auto small = co_await AskPrice(PriceParameters(kSmallSample));
  if (!small) co_return tl::unexpected(std::move(small).error());
  auto large = co_await AskPrice(PriceParameters(kLargeSample));
  if (!large) co_return tl::unexpected(std::move(large).error());
  const auto price = UnitPrice(*small, *large);
  if (!price) {
    co_return tl::unexpected(Failed(Refusal::kInvalid, Code::kInternal,
                                    "DescribeContainerGroupPrice: 2 vCPU with 4 and with 8 GiB have prices of which "
                                    "no price of a vCPU and a GiB can be made"));
  }
  quotes_.prices = PriceList{*price, small->currency, "DescribeContainerGroupPrice", runtime_.WallNow()};
  co_return CloudStatus();
}

Task<CloudStatus> EciProvider::RefreshType(std::string type) {
  if (options_.spot_strategy.empty()) {
    auto quote = co_await AskPrice(PriceParameters(type));
    if (!quote) co_return tl::unexpected(std::move(quote).error());
    quotes_.instance_type = type;
    quotes_.type_micro_per_hour = MicroPerHour(*quote);
  }
  auto answer = co_await Call("DescribeAvailableResource", StockParameters(type));
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  quotes_.stock = ReadStock(*answer, runtime_.WallNow());
  co_return CloudStatus();
}

Task<CloudStatus> EciProvider::RefreshMarket() {
  if (options_.instance_types.empty()) {
    if (!options_.spot_strategy.empty()) co_return CloudStatus();  // the market's price, another each hour
    co_return co_await RefreshUnitPrices();
  }
  const std::string type = TheInstanceType(options_.instance_types);
  if (type.empty()) co_return CloudStatus();
  co_return co_await RefreshType(type);
}

}  // namespace spillway::cloud::alibaba
