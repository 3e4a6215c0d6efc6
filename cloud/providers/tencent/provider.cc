#include "cloud/providers/tencent/provider.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/providers/rest/batches.h"
#include "cloud/providers/rest/error_rules.h"
#include "cloud/providers/tencent/service.h"
#include "cloud/providers/tencent/streams.h"

namespace spillway::cloud::tencent {
namespace {

using rest::Failed;

constexpr const char* kDescribe = "DescribeEKSContainerInstances";
constexpr std::size_t kMostPages = 1000;
constexpr std::size_t kOverlap = 5;  // instances that a page repeats of the one before
constexpr int kSweepTries = 3;
constexpr Duration kLongestSweepPause = 30s;
constexpr Duration kUnlistedFor = 10min;  // what no listing shows any more
constexpr Duration kSeenWithin = 10min, kSeenJustNow = 1min;
constexpr Duration kFirstEvents = 3s, kEventsAgain = 10s;  // of one on its way: after its creation, and after that
constexpr std::size_t kEventCalls = 5;                     // per round
constexpr std::size_t kNamesKept = 10000;

Json Filter(const char* name, const std::string& value) { return {{"Name", name}, {"Values", Json::array({value})}}; }

int RestartsOf(const Instance& instance) {
  int restarts = 0;
  for (const ContainerState& container : instance.containers) restarts += container.restart_count;
  return restarts;
}

bool IsOlder(const InstanceStatus& a, const InstanceStatus& b) {
  return std::pair(a.created_at.value_or(WallTime::max()), a.id) <
         std::pair(b.created_at.value_or(WallTime::max()), b.id);
}

// What would be asked for in so many seconds at a share of the limit.
Duration Pace(std::size_t calls, double share) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(calls) / (kCallsPerSecond * share) * 1e9));
}

}  // namespace

EksciProvider::EksciProvider(Runtime& runtime, net::HttpClient& client, rest::CredentialSource& credentials,
                             Options options)
    : runtime_(runtime),
      options_(std::move(options)),
      caller_(runtime, client, credentials, EksciDialect(options_), EksciLimits(options_.limit_share)),
      zones_(options_.subnets, options_.strategy),
      streams_(std::make_unique<Streams>(*this)) {}

EksciProvider::~EksciProvider() = default;

InstanceStreams* EksciProvider::streams() { return streams_.get(); }

ProviderCapabilities EksciProvider::capabilities() const {
  auto largest = kube::ParseLargestInstances("cpu=64,memory=512Gi,ephemeral-storage=20Gi");
  return {.features = EksciFeatures(), .largest = largest ? *largest : std::vector<kube::LargestInstance>()};
}

const Instance* EksciProvider::Find(const std::string& id) const {
  const auto record = records_.find(id);
  return record == records_.end() ? nullptr : &record->second.seen;
}

Task<CloudResult<Json>> EksciProvider::Call(const char* api, Json body) {
  rest::Call call;
  call.api = api;
  call.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return caller_.Send(std::move(call));
}

// ---- what is there

Task<EksciProvider::Statuses> EksciProvider::TrySweep(Json filters, bool& is_whole) {
  std::vector<InstanceStatus> all;
  std::map<std::string, std::size_t> index;
  std::vector<std::string> anchors;  // the last of the page before
  std::size_t offset = 0, pages = 0;
  is_whole = false;
  while (pages++ < kMostPages) {
    Json body = {{"Limit", kDescribePage}, {"Offset", offset}, {"Filters", filters}};
    auto answer = co_await Call(kDescribe, std::move(body));
    if (!answer) co_return tl::unexpected(std::move(answer).error());
    std::vector<std::string> ids;
    for (const Json& item : Items(At(*answer, "EksCis"))) {
      InstanceStatus status = ReadStatus(item);
      ids.push_back(status.id);
      const auto [at, is_new] = index.try_emplace(status.id, all.size());
      if (is_new) all.push_back(std::move(status));
    }
    const auto is_there = [&](const std::string& id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); };
    if (!anchors.empty() && std::none_of(anchors.begin(), anchors.end(), is_there)) co_return all;
    const auto total = static_cast<std::size_t>(std::max<std::int64_t>(0, Integer(At(*answer, "TotalCount"))));
    if (offset + ids.size() >= total) {
      is_whole = true;
      pages_ = pages;
      co_return all;
    }
    if (ids.size() <= kOverlap) co_return all;  // fewer than it says there are
    anchors.assign(ids.end() - kOverlap, ids.end());
    offset += ids.size() - kOverlap;
  }
  co_return all;
}

Task<EksciProvider::Statuses> EksciProvider::Sweep(Json filters) {
  for (int tries = 0; tries < kSweepTries; ++tries) {
    bool is_whole = false;
    Statuses statuses = co_await TrySweep(filters, is_whole);
    if (!statuses || is_whole) co_return statuses;
  }
  co_return tl::unexpected(Failed(Refusal::kTransient, Code::kInternal,
                                  fmt::format("{}: the listing moves faster than it can be read", kDescribe)));
}

Duration EksciProvider::SweepPace() const { return Pace(pages_, options_.limit_share * options_.quiet_share); }

Task<EksciProvider::Statuses> EksciProvider::SweepAll() {
  if (swept_at_) co_await runtime_.SleepUntil(*swept_at_ + std::min(SweepPace(), kLongestSweepPause));
  swept_at_ = runtime_.Now();
  Json filters = Json::array({Filter("vpc-id", options_.vpc)});
  co_return co_await Sweep(std::move(filters));
}

Task<EksciProvider::Statuses> EksciProvider::DescribeIds(std::vector<std::string> ids) {
  std::vector<InstanceStatus> all;
  for (std::vector<std::string>& batch : rest::InBatches(std::move(ids), kDescribePage)) {
    Json body = {{"Limit", kDescribePage}, {"EksCiIds", std::move(batch)}};
    auto answer = co_await Call(kDescribe, std::move(body));
    if (!answer) co_return tl::unexpected(std::move(answer).error());
    for (const Json& item : Items(At(*answer, "EksCis"))) all.push_back(ReadStatus(item));
  }
  co_return all;
}

InstanceIdentity EksciProvider::IdentityOf(const InstanceStatus& status, const NameParts& name) const {
  if (status.note && Agree(status.note->identity, name)) return status.note->identity;
  if (const auto made = made_.find(status.name); made != made_.end()) return made->second;
  InstanceIdentity identity;  // as far as the name tells those who have asked
  identity.pod_uid = name.uid;
  if (const auto cluster = clusters_.find(name.cluster); cluster != clusters_.end())
    identity.cluster_id = cluster->second;
  if (const auto node = nodes_.find(name.node); node != nodes_.end()) identity.node_name = node->second;
  return identity;
}

void EksciProvider::Know(const std::string& cluster_id, const std::string& node_name) {
  clusters_[ClusterMark(cluster_id)] = cluster_id;
  if (!node_name.empty()) nodes_[NodeMark(node_name)] = node_name;
}

bool EksciProvider::IsOfOurNode(const InstanceStatus& status) const {
  const auto name = ReadName(status.name);
  return name && clusters_.contains(name->cluster) && nodes_.contains(name->node);
}

void EksciProvider::NoteStock(const Instance& instance, const std::string& subnet) {
  if (instance.refused == Refusal::kStock) zones_.OnOutOfStock(subnet, runtime_.Now());
  if (instance.state == InstanceState::kRunning) zones_.OnStock(subnet);
}

// It has been looked for long enough.
bool EksciProvider::IsWithoutPlace(const InstanceStatus& status, const Record& record) const {
  return status.state == InstanceState::kPending && HasNeverRun(status) && status.created_at &&
         runtime_.WallNow() - *status.created_at >= options_.placing && RefusalOf(record.events).has_value();
}

Instance EksciProvider::Note(const InstanceStatus& status) {
  const auto name = ReadName(status.name);
  const auto [at, is_new] = records_.try_emplace(status.id);
  Record& record = at->second;
  if (!status.state) ++unknown_statuses_;
  InstanceStatus seen = status;
  if (IsWithoutPlace(status, record)) seen.state = InstanceState::kFailed;
  Instance instance =
      Merge(seen, IdentityOf(status, *name), record.events, is_new || record.seen.id.empty() ? nullptr : &record.seen);
  if (is_new || record.seen.state != instance.state) NoteStock(instance, status.subnet);
  record.seen = instance;
  record.seen_at = runtime_.Now();
  record.subnet = status.subnet;
  return instance;
}

// Of those on their way, why they are; of those that failed without having run, why; of those that have been restarted
// since, why.
std::vector<std::string> EksciProvider::LackingEvents(const std::vector<InstanceStatus>& statuses) const {
  std::vector<std::pair<Instant, std::string>> lacking;
  for (const InstanceStatus& status : statuses) {
    if (!IsOfOurNode(status)) continue;
    const auto record = records_.find(status.id);
    const bool is_known = record != records_.end();
    const auto asked = is_known ? record->second.asked_events : std::nullopt;
    const bool is_due = !asked || runtime_.Now() - *asked >= kEventsAgain;
    const bool is_on_its_way = status.state == InstanceState::kPending && status.created_at &&
                               runtime_.WallNow() - *status.created_at >= kFirstEvents;
    const bool has_restarted = is_known && record->second.events_of_restart < RestartsOf(record->second.seen);
    if (is_due && (is_on_its_way || has_restarted)) lacking.emplace_back(asked.value_or(Instant{}), status.id);
  }
  std::sort(lacking.begin(), lacking.end());
  if (lacking.size() > kEventCalls) lacking.resize(kEventCalls);
  std::vector<std::string> ids;
  for (auto& [asked, id] : lacking) ids.push_back(std::move(id));
  for (const InstanceStatus& status : statuses) {
    const auto record = records_.find(status.id);
    const bool is_told = record != records_.end() && (record->second.seen.refused || HasEnded(record->second.seen));
    if (IsOfOurNode(status) && status.state == InstanceState::kFailed && HasNeverRun(status) && !is_told)
      ids.push_back(status.id);
  }
  return ids;
}

// They explain; without them everything goes on.
Task<void> EksciProvider::FetchEvents(std::string id) {
  Json body = {{"EksCiId", id}, {"Limit", kMaxEvents}};
  auto answer = co_await Call("DescribeEKSContainerInstanceEvent", std::move(body));
  Record& record = records_[id];
  record.asked_events = runtime_.Now();
  record.events_of_restart = RestartsOf(record.seen);
  if (answer) record.events = ReadEvents(*answer);
}

Task<EksciProvider::Instances> EksciProvider::Complete(std::vector<InstanceStatus> statuses) {
  std::erase_if(statuses, [](const InstanceStatus& status) { return !ReadName(status.name); });
  const std::vector<std::string> lacking = LackingEvents(statuses);
  for (const std::string& id : lacking) co_await FetchEvents(id);
  std::vector<Instance> instances;
  for (const InstanceStatus& status : statuses) instances.push_back(Note(status));
  co_return instances;
}

void EksciProvider::ForgetGone(const std::set<std::string>& ids) {
  std::erase_if(records_, [&](const auto& entry) {
    const Record& record = entry.second;
    if (ids.contains(entry.first)) return false;
    return record.is_deleted || runtime_.Now() - record.seen_at > kUnlistedFor;
  });
}

Task<EksciProvider::Instances> EksciProvider::List(std::string cluster_id) {
  Know(cluster_id, "");
  Statuses statuses = co_await SweepAll();
  if (!statuses) co_return tl::unexpected(std::move(statuses).error());
  auto instances = co_await Complete(*std::move(statuses));
  if (!instances) co_return instances;
  std::set<std::string> ids;
  for (const Instance& instance : *instances) ids.insert(instance.id);
  ForgetGone(ids);
  std::erase_if(*instances, [&](const Instance& one) { return one.identity.cluster_id != cluster_id; });
  co_return instances;
}

Task<EksciProvider::Instances> EksciProvider::Describe(std::vector<std::string> instance_ids) {
  Statuses statuses = co_await DescribeIds(std::move(instance_ids));
  if (!statuses) co_return tl::unexpected(std::move(statuses).error());
  co_return co_await Complete(*std::move(statuses));
}

// ---- changes

std::vector<std::string> EksciProvider::Busy() const {
  std::vector<std::string> ids;
  for (const auto& [id, record] : records_) {
    const bool is_changing =
        record.is_deleted || (record.seen.state == InstanceState::kPending && !record.seen.refused);
    if (!is_changing || runtime_.Now() - record.seen_at > kSeenWithin) continue;
    if (nodes_.contains(NodeMark(record.seen.identity.node_name))) ids.push_back(id);
  }
  return ids;
}

Duration EksciProvider::BusyPace() const {
  const std::size_t calls = Busy().size() / kDescribePage + 1;
  return std::max(options_.poll_busy, Pace(calls, options_.limit_share * options_.busy_share));
}

std::vector<Instance> EksciProvider::NewsOf(const InstanceScope& scope) {
  std::vector<Instance> news;
  for (auto& [id, record] : records_) {
    const InstanceIdentity& identity = record.seen.identity;
    if (identity.cluster_id != scope.cluster_id || identity.node_name != scope.node_name) continue;
    if (record.polled == record.seen) continue;
    record.polled = record.seen;
    news.push_back(record.seen);
  }
  return news;
}

// At what is on its way, or at everything when it is time.
Task<CloudStatus> EksciProvider::LookAround() {
  const Duration pause = std::max(options_.poll_quiet, 2 * SweepPace());
  const bool is_time = !swept_at_ || runtime_.Now() - *swept_at_ >= pause;
  const std::vector<std::string> busy = Busy();
  if (!is_time && busy.empty()) co_return CloudStatus();
  Statuses statuses;
  if (is_time) {
    statuses = co_await SweepAll();
  } else {
    statuses = co_await DescribeIds(busy);
  }
  if (!statuses) co_return tl::unexpected(std::move(statuses).error());
  std::set<std::string> ids;
  for (const InstanceStatus& status : *statuses) ids.insert(status.id);
  auto instances = co_await Complete(*std::move(statuses));
  if (!instances) co_return tl::unexpected(std::move(instances).error());
  for (const std::string& id : busy) {
    const auto record = records_.find(id);
    if (!ids.contains(id) && record != records_.end() && record->second.is_deleted) records_.erase(record);
  }
  if (is_time) ForgetGone(ids);
  co_return CloudStatus();
}

Task<CloudResult<Changes>> EksciProvider::Poll(InstanceScope scope, std::string cursor) {
  Know(scope.cluster_id, scope.node_name);
  if (cursor != fmt::format("{}", polls_) || polls_ == 0) {
    swept_at_.reset();
    for (auto& [id, record] : records_) record.polled.reset();
  }
  const Instant until = runtime_.Now() + kLongestPoll - options_.poll_quiet;
  for (;;) {
    const CloudStatus looked = co_await LookAround();
    if (!looked) co_return tl::unexpected(looked.error());
    Changes changes;
    changes.instances = NewsOf(scope);
    if (!changes.instances.empty() || runtime_.Now() >= until) {
      changes.cursor = fmt::format("{}", ++polls_);
      co_return changes;
    }
    co_await runtime_.SleepFor(BusyPace());
  }
}

// ---- create and delete

Task<void> EksciProvider::DropDuplicates(std::vector<std::string> ids) {
  for (const std::string& id : ids) {
    log::Warning("deleting the second instance of one create", {{"instance", id}});
    const CloudStatus deleted = co_await Delete(id, Duration(0));
    if (!deleted) log::Warning("cannot delete it", {{"instance", id}, {"why", ToString(deleted.error())}});
  }
}

Task<CloudResult<std::optional<Instance>>> EksciProvider::Look(CreateBody body, InstanceIdentity identity) {
  Json filters = Json::array({Filter("vpc-id", options_.vpc), Filter("eks-ci-name", body.name)});
  Statuses statuses = co_await Sweep(std::move(filters));
  if (!statuses) co_return tl::unexpected(std::move(statuses).error());
  std::erase_if(*statuses, [&](const InstanceStatus& one) { return one.name != body.name; });
  const bool is_any = !statuses->empty();
  std::erase_if(*statuses, [&](const InstanceStatus& one) {
    const auto record = records_.find(one.id);
    return record != records_.end() && record->second.is_deleted;
  });
  if (statuses->empty() && is_any) {
    co_return tl::unexpected(
        Failed(Refusal::kTransient, Code::kAlreadyExists, "the instance of this attempt has been asked to go"));
  }
  if (statuses->empty()) co_return std::nullopt;
  std::sort(statuses->begin(), statuses->end(), IsOlder);
  const InstanceStatus oldest = statuses->front();
  if (oldest.note && oldest.note->digest != body.digest) {
    co_return tl::unexpected(Failed(Refusal::kTokenMismatch, Code::kInvalidArgument,
                                    fmt::format("instance {} of this attempt was asked for otherwise", oldest.id)));
  }
  std::vector<std::string> duplicates;
  for (std::size_t i = 1; i < statuses->size(); ++i) duplicates.push_back((*statuses)[i].id);
  made_[body.name] = std::move(identity);
  std::vector<InstanceStatus> one = {oldest};
  auto completed = co_await Complete(std::move(one));
  if (!completed) co_return tl::unexpected(std::move(completed).error());
  co_await DropDuplicates(std::move(duplicates));
  co_return completed->front();
}

CloudResult<Instance> EksciProvider::OnCreated(const InstanceIdentity& identity, const std::string& subnet,
                                               const Json& answer) {
  const Json& ids = Items(At(answer, "EksCiIds"));
  const std::string id = ids.empty() ? "" : Text(ids.front());
  if (id.empty()) {
    return tl::unexpected(
        Failed(Refusal::kTransient, Code::kUnavailable, "CreateEKSContainerInstances: the answer names no instance"));
  }
  Instance instance;
  instance.id = id;
  instance.identity = identity;
  Record& record = records_[id];
  record.seen = instance;
  record.seen_at = runtime_.Now();
  record.subnet = subnet;
  return instance;
}

void EksciProvider::NoteUncertain(const std::string& name) {
  std::erase_if(uncertain_, [this](const auto& one) { return runtime_.Now() - one.second > kUnlistedFor; });
  uncertain_[name] = runtime_.Now();
}

// In the first subnet that has room: what is refused for lack of it has certainly not been made.
Task<CloudResult<Instance>> EksciProvider::MakeSomewhere(CreateRequest request) {
  CloudError failure = Failed(Refusal::kInvalid, Code::kInvalidArgument, "no subnet is configured");
  const std::vector<rest::Subnet> candidates = zones_.Candidates(runtime_.Now(), runtime_.random());
  for (const rest::Subnet& subnet : candidates) {
    auto body = MakeCreateBody(request, options_, subnet.id);
    if (!body) co_return tl::unexpected(Failed(Refusal::kInvalid, Code::kInvalidArgument, body.error().message));
    if (made_.size() >= kNamesKept) made_.clear();
    made_[body->name] = request.identity;
    auto answer = co_await Call("CreateEKSContainerInstances", std::move(body->json));
    CloudResult<Instance> made = answer ? OnCreated(request.identity, subnet.id, *answer)
                                        : CloudResult<Instance>(tl::unexpected(std::move(answer).error()));
    if (made) {
      uncertain_.erase(body->name);
      co_return made;
    }
    failure = std::move(made).error();
    if (failure.is_uncertain()) NoteUncertain(body->name);
    if (failure.refusal != Refusal::kStock) break;
    zones_.OnOutOfStock(subnet.id, runtime_.Now());
  }
  co_return tl::unexpected(std::move(failure));
}

Task<CloudResult<Instance>> EksciProvider::Create(CreateRequest request) {
  auto body = MakeCreateBody(request, options_, options_.subnets.empty() ? "" : options_.subnets.front().id);
  if (!body) co_return tl::unexpected(Failed(Refusal::kInvalid, Code::kInvalidArgument, body.error().message));
  if (const auto asked = uncertain_.find(body->name); asked != uncertain_.end()) {
    co_await runtime_.SleepUntil(asked->second + options_.shown_late);
  }
  InstanceIdentity identity = request.identity;
  Know(identity.cluster_id, identity.node_name);
  auto found = co_await Look(*std::move(body), std::move(identity));
  if (!found) co_return tl::unexpected(std::move(found).error());
  if (*found) co_return **std::move(found);
  co_return co_await MakeSomewhere(std::move(request));
}

Task<CloudStatus> EksciProvider::Delete(std::string instance_id, Duration /*grace*/) {
  Json body = {{"EksCiIds", Json::array({instance_id})}};
  auto answer = co_await Call("DeleteEKSContainerInstances", std::move(body));
  const auto record = records_.find(instance_id);
  if (record != records_.end() && (answer || rest::MayBeGone(answer.error()))) record->second.is_deleted = true;
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  if (record != records_.end()) record->second.seen_at = runtime_.Now();
  co_return CloudStatus();
}

// ---- is anybody there

// Asked for only when no answer of late has shown any of ours: in a burst many calls wait for their turn.
Task<CloudStatus> EksciProvider::CheckThatOursAreSeen() {
  const auto is_alive = [this](const auto& entry) {
    const Record& record = entry.second;
    return record.polled && !record.is_deleted && !HasEnded(record.seen) &&
           runtime_.Now() - record.seen_at < kSeenWithin;
  };
  const auto is_fresh = [this](const auto& entry) { return runtime_.Now() - entry.second.seen_at < kSeenJustNow; };
  const auto alive = std::count_if(records_.begin(), records_.end(), is_alive);
  if (alive == 0 || std::any_of(records_.begin(), records_.end(), is_fresh)) co_return CloudStatus();
  Json filters = Json::array({Filter("vpc-id", options_.vpc)});
  Json body = {{"Limit", 1}, {"Offset", 0}, {"Filters", std::move(filters)}};
  auto answer = co_await Call(kDescribe, std::move(body));
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  if (Integer(At(*answer, "TotalCount")) > 0) co_return CloudStatus();
  CloudError failure = Failed(
      Refusal::kAuth, Code::kPermissionDenied,
      fmt::format("EKSCI lists nothing, though {} instances ran within the last minutes: may the key still see them? "
                  "See docs/tencent-eksci.md, permissions",
                  alive));
  failure.request_id = TextAt(*answer, "RequestId");
  co_return tl::unexpected(std::move(failure));
}

Task<CloudStatus> EksciProvider::Ping() {
  Json nothing = Json::object();
  auto regions = co_await Call("DescribeEKSContainerInstanceRegions", std::move(nothing));
  if (!regions) co_return tl::unexpected(std::move(regions).error());
  co_return co_await CheckThatOursAreSeen();
}

Bill EksciProvider::BillFor(const nlohmann::json& pod) const { return SizeBilled(pod); }

Market EksciProvider::market() const {
  Market market;
  market.stock = zones_.Shortages(runtime_.Now(), runtime_.WallNow());
  return market;
}

}  // namespace spillway::cloud::tencent
