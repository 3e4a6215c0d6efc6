#include "tests/emulators/eci/emulator.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "tests/emulators/eci/answers.h"
#include "tests/emulators/eci/parameters.h"

namespace spillway::emulators::eci {
namespace {

constexpr Duration kRecordAge = 1h;
constexpr std::size_t kRecordsKept = 100, kStatusPage = 200, kGroupPage = 20;

// As documented, per account.
const std::map<std::string, Limit> kLimits = {
    {"CreateContainerGroup", {20, 100}},
    {"DeleteContainerGroup", {20, 100}},
    {"DescribeContainerGroups", {2000.0 / 60, 2000}},
    {"DescribeContainerGroupStatus", {10000.0 / 60, 10000}},
    {"DescribeMultiContainerGroupMetric", {2000.0 / 60, 2000}},
};
constexpr Limit kOtherLimit = {500.0 / 60, 500};

bool IsTrue(const std::string& text) { return text == "true" || text == "True"; }

std::vector<std::string> ListFrom(const std::string& json) {
  std::vector<std::string> texts;
  const Json list = Json::parse(json, nullptr, false);
  if (!list.is_array()) return texts;
  for (const Json& item : list) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

bool HasTags(const Group& group, const ParameterMap& parameters) {
  for (int i = 1; parameters.contains(fmt::format("Tag.{}.Key", i)); ++i) {
    const auto tag = group.tags.find(At(parameters, fmt::format("Tag.{}.Key", i)));
    if (tag == group.tags.end() || tag->second != At(parameters, fmt::format("Tag.{}.Value", i))) return false;
  }
  return true;
}

std::size_t NumberOf(const std::string& text, std::size_t otherwise, std::size_t most) {
  const long number = text.empty() ? 0 : std::atol(text.c_str());
  return number > 0 ? std::min(static_cast<std::size_t>(number), most) : otherwise;
}

std::string TagOf(const Group& group, const char* key) {
  const auto tag = group.tags.find(key);
  return tag == group.tags.end() ? "" : tag->second;
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace

Emulator::Emulator(Runtime& runtime, EmulatorOptions options)
    : runtime_(runtime),
      options_(std::move(options)),
      random_(runtime.random().Fork()),
      limits_(kLimits, kOtherLimit) {}

Emulator::~Emulator() = default;

Group* Emulator::Find(const std::string& id) {
  const auto group = groups_.find(id);
  return group == groups_.end() || ViewAt(group->second, Now()).is_gone ? nullptr : &group->second;
}

Emulator::Answer Emulator::Fail(int status, const std::string& code, const std::string& message) {
  return {status, {{"Code", code}, {"Message", message}, {"HostId", "eci.emulated"}}};
}

bool Emulator::IsThrottled(const std::string& api) {
  if (random_.Chance(options_.faults.throttled)) return true;
  const bool is_within = limits_.Take(api, runtime_.Now());
  return options_.enforces_limits && !is_within;
}

// ---- create and delete

void Emulator::CheckOnePerPod(const Group& made) {
  const std::string uid = TagOf(made, "spillway-uid");
  if (uid.empty()) return;
  auto& others = of_pod_[uid];
  for (const std::string& id : others) {
    const auto other = groups_.find(id);
    if (other == groups_.end() || other->second.deleted_at) continue;
    const GroupView view = ViewAt(other->second, Now());
    if (view.ended_at && view.status != "Succeeded" && view.status != "Failed") continue;  // given up by the cloud
    violations_.push_back(fmt::format("Pod {} got {} while it had {}", uid, made.id, id));
  }
  others.push_back(made.id);
}

Emulator::Answer Emulator::Make(const ParameterMap& parameters) {
  Group group = MakeGroup(parameters);
  group.id = fmt::format("eci-{:08}", next_id_);
  const std::uint64_t address = next_id_ + 1;
  group.ip = fmt::format("10.77.{}.{}", address / 256 % 256, address % 256);
  group.created_at = Now();
  group.schedule_after = options_.schedule_after;
  group.start_after = std::max(options_.schedule_after, options_.start_after);
  group.lacks_stock = random_.Chance(options_.faults.late_no_stock);
  for (const std::string& vswitch : Split(At(parameters, "VSwitchId"), ',')) {
    const auto zone = options_.zone_of_vswitch.find(vswitch);
    if (zone == options_.zone_of_vswitch.end())
      return Fail(404, "InvalidVSwitchId.NotFound", "there is no such VSwitch");
    if (options_.faults.zones_without_stock.contains(zone->second)) continue;
    group.vswitch = vswitch;
    group.zone = zone->second;
    break;
  }
  if (group.zone.empty()) return Fail(400, "NoStock", "the requested resource is sold out in all zones");
  ++next_id_;
  ++counts_.created;
  CheckOnePerPod(group);
  const std::string id = group.id;
  groups_.emplace(id, std::move(group));
  return {200, {{"ContainerGroupId", id}}};
}

Emulator::Answer Emulator::Create(const ParameterMap& parameters) {
  last_create_ = parameters;
  const std::string& token = At(parameters, "ClientToken");
  const std::string fingerprint = Json(parameters).dump();
  if (const auto known = tokens_.find(token); !token.empty() && known != tokens_.end()) {
    if (known->second.fingerprint != fingerprint) {
      return Fail(400, "IdempotentParameterMismatch", "the client token was used with other parameters");
    }
    ++counts_.repeated;
    return {200, {{"ContainerGroupId", known->second.id}}};
  }
  if (options_.faults.in_arrears) return Fail(400, "Account.Arrearage", "the account has an overdue payment");
  if (random_.Chance(options_.faults.no_stock)) return Fail(400, "NoStock", "the requested resource is sold out");
  if (groups_.size() >= options_.quota_groups && live() >= options_.quota_groups) {
    return Fail(400, "QuotaExceed.ContainerGroup", "the account has as many container groups as it may have");
  }
  Answer made = Make(parameters);
  if (made.status == 200 && !token.empty())
    tokens_[token] = {made.body["ContainerGroupId"].get<std::string>(), fingerprint};
  return made;
}

Emulator::Answer Emulator::Delete(const ParameterMap& parameters) {
  Group* group = Find(At(parameters, "ContainerGroupId"));
  if (!group) return Fail(404, "InvalidParameter.ContainerGroup.NotFound", "the container group does not exist");
  if (random_.Chance(options_.faults.ignored_delete) || group->deleted_at) return {200, Json::object()};
  ++counts_.deleted;
  group->deleted_at = Now();
  group->stop_after = options_.stop_after;
  return {200, Json::object()};
}

// ---- what is there

void Emulator::ForgetOld() {
  std::vector<std::pair<WallTime, std::string>> ended;
  for (auto group = groups_.begin(); group != groups_.end();) {
    const GroupView view = ViewAt(group->second, Now());
    if (view.is_gone) {
      group = groups_.erase(group);
      continue;
    }
    if (view.ended_at && *view.ended_at + kRecordAge < Now()) ended.emplace_back(*view.ended_at, group->first);
    ++group;
  }
  std::sort(ended.begin(), ended.end());
  for (std::size_t i = 0; i + kRecordsKept < ended.size(); ++i) groups_.erase(ended[i].second);
}

std::vector<const Group*> Emulator::Selected(const ParameterMap& parameters, std::size_t limit, std::string& next) {
  ForgetOld();
  std::vector<const Group*> selected;
  const std::vector<std::string> ids = ListFrom(At(parameters, "ContainerGroupIds"));
  const bool has_ids = parameters.contains("ContainerGroupIds");
  const std::string &status = At(parameters, "Status"), &name = At(parameters, "ContainerGroupName");
  const std::size_t since = NumberOf(At(parameters, "SinceSecond"), 0, SIZE_MAX);
  for (auto at = groups_.upper_bound(At(parameters, "NextToken")); at != groups_.end(); ++at) {
    const Group& group = at->second;
    if (has_ids && std::find(ids.begin(), ids.end(), group.id) == ids.end()) continue;
    if (!HasTags(group, parameters) || (!name.empty() && group.name != name)) continue;
    const GroupView view = ViewAt(group, Now());
    if (!status.empty() && view.status != status) continue;
    if (since > 0 && view.changed_at + std::chrono::seconds(since) < Now()) continue;
    if (selected.size() == limit) {
      next = selected.back()->id;
      break;
    }
    selected.push_back(&group);
  }
  return selected;
}

Emulator::Answer Emulator::DescribeGroups(const ParameterMap& parameters) {
  Json groups = Json::array();
  std::string next;
  if (ListFrom(At(parameters, "ContainerGroupIds")).size() > kGroupPage) {
    return Fail(400, "InvalidParameter.ContainerGroupIds", "more than 20 ids");
  }
  if (!options_.faults.permission_lost && !options_.faults.details_hidden) {
    const std::size_t limit = NumberOf(At(parameters, "Limit"), kGroupPage, kGroupPage);
    for (const Group* group : Selected(parameters, limit, next)) {
      groups.push_back(GroupAnswer(*group, Now(), IsTrue(At(parameters, "WithEvent"))));
    }
  }
  const std::size_t count = groups.size();
  return {200, {{"ContainerGroups", std::move(groups)}, {"NextToken", next}, {"TotalCount", count}}};
}

Emulator::Answer Emulator::DescribeStatus(const ParameterMap& parameters) {
  Json data = Json::array();
  std::string next;
  if (ListFrom(At(parameters, "ContainerGroupIds")).size() > kGroupPage) {
    return Fail(400, "InvalidParameter.ContainerGroupIds", "more than 20 ids");
  }
  if (!options_.faults.permission_lost) {
    const std::size_t limit = NumberOf(At(parameters, "Limit"), kStatusPage, kStatusPage);
    for (const Group* group : Selected(parameters, limit, next)) data.push_back(StatusAnswer(*group, Now()));
  }
  const std::size_t count = data.size();
  return {200, {{"Data", std::move(data)}, {"NextToken", next}, {"TotalCount", count}}};
}

Emulator::Answer Emulator::DescribeLog(const ParameterMap& parameters) {
  const Group* group = Find(At(parameters, "ContainerGroupId"));
  if (!group) return Fail(404, "InvalidParameter.ContainerGroup.NotFound", "the container group does not exist");
  LogQuery query;
  query.container = At(parameters, "ContainerName");
  query.tail = NumberOf(At(parameters, "Tail"), 500, 2000);
  query.limit_bytes = NumberOf(At(parameters, "LimitBytes"), 1u << 20, 1u << 20);
  query.timestamps = IsTrue(At(parameters, "Timestamps"));
  query.previous = IsTrue(At(parameters, "LastTime"));
  query.since = base::ParseRfc3339(At(parameters, "StartTime"));
  if (const std::size_t seconds = NumberOf(At(parameters, "SinceSeconds"), 0, 1u << 30); seconds > 0) {
    query.since = Now() - std::chrono::seconds(seconds);
  }
  const GroupView view = ViewAt(*group, Now());
  for (const auto& [plans, runs] :
       {std::pair{&group->containers, &view.containers}, std::pair{&group->init_containers, &view.init_containers}}) {
    for (std::size_t i = 0; i < plans->size() && i < runs->size(); ++i) {
      if ((*plans)[i].name != query.container) continue;
      return {200, {{"ContainerName", query.container}, {"Content", LogText((*plans)[i], (*runs)[i], query, Now())}}};
    }
  }
  return Fail(404, "InvalidParameter.Container.NotFound", "the group has no such container");
}

Emulator::Answer Emulator::Exec(const ParameterMap& parameters) {
  const Group* group = Find(At(parameters, "ContainerGroupId"));
  if (!group) return Fail(404, "InvalidParameter.ContainerGroup.NotFound", "the container group does not exist");
  const std::vector<std::string> command = ListFrom(At(parameters, "Command"));
  if (command.empty()) return Fail(400, "InvalidParameter.Command", "the command is no JSON array of texts");
  if (ViewAt(*group, Now()).status != "Running") return Fail(400, "IncorrectStatus", "the group is not running");
  if (!IsTrue(At(parameters, "Sync"))) {
    const std::string address = fmt::format("eci.emulated/exec/?s={}", group->id);
    return {200, {{"HttpUrl", "https://" + address}, {"WebSocketUri", "wss://" + address}}};
  }
  std::string output = "ran";
  for (const std::string& part : command) output += " " + part;
  return {200, {{"SyncResponse", output + "\n"}}};
}

Emulator::Answer Emulator::Metrics(const ParameterMap& parameters) {
  Json data = Json::array();
  for (const std::string& id : ListFrom(At(parameters, "ContainerGroupIds"))) {
    if (const Group* group = Find(id)) data.push_back(MetricAnswer(*group, Now()));
  }
  return {200, {{"MonitorDatas", std::move(data)}}};
}

// ---- what it sells

Emulator::Answer Emulator::Price(const ParameterMap& parameters) {
  const double cpu = options_.cpu_second * std::strtod(At(parameters, "Cpu").c_str(), nullptr);
  const double memory = options_.gib_second * std::strtod(At(parameters, "Memory").c_str(), nullptr);
  const std::string& type = At(parameters, "InstanceType");
  if (type.empty()) return {200, PriceAnswer({{"CPU", cpu}, {"MEM", memory}})};
  const auto priced = options_.type_second.find(type);
  if (priced == options_.type_second.end())
    return Fail(400, "InvalidParameter.InstanceType", "there is no such instance type");
  return {200, PriceAnswer({{"instanceType", priced->second}})};
}

Emulator::Answer Emulator::AvailableResource(const ParameterMap& parameters) {
  const std::string& value = At(parameters, "DestinationResource.Value");
  std::map<std::string, bool> has_stock;  // by zone
  for (const auto& [vswitch, zone] : options_.zone_of_vswitch) {
    if (!At(parameters, "ZoneId").empty() && At(parameters, "ZoneId") != zone) continue;
    has_stock[zone] = !options_.faults.zones_without_stock.contains(zone);
  }
  if (!options_.type_second.contains(value)) has_stock.clear();
  return {200, AvailableAnswer(options_.region, At(parameters, "DestinationResource.Category"), value, has_stock)};
}

Emulator::Answer Emulator::Usage() const {
  double used = 0;
  for (const Group& group : Live()) {
    const std::string& cpu = At(group.parameters, "Cpu");
    used += cpu.empty() ? 2 : std::strtod(cpu.c_str(), nullptr);
  }
  return {200, {{"Attributes", {{"UsedCpu", used}, {"MaxCpu", options_.quota_cpu}}}}};
}

// ---- a call

Emulator::Answer Emulator::Dispatch(const SignedCall& call) {
  const ParameterMap& parameters = call.parameters;
  const Complaint complaint = CheckParameters(call.api, parameters);
  if (!complaint.code.empty()) return Fail(400, complaint.code, complaint.message);
  if (At(parameters, "RegionId") != options_.region)
    return Fail(404, "InvalidRegionId.NotFound", "there is no such region");
  if (call.api == "DescribeContainerGroups") return DescribeGroups(parameters);
  if (call.api == "DescribeContainerGroupStatus") return DescribeStatus(parameters);
  if (options_.faults.permission_lost) return Fail(403, "Forbidden.RAM", "the user is not authorized to do this");
  if (call.api == "CreateContainerGroup") return Create(parameters);
  if (call.api == "DeleteContainerGroup") return Delete(parameters);
  if (call.api == "DescribeContainerLog") return DescribeLog(parameters);
  if (call.api == "ExecContainerCommand") return Exec(parameters);
  if (call.api == "DescribeMultiContainerGroupMetric") return Metrics(parameters);
  if (call.api == "DescribeContainerGroupPrice") return Price(parameters);
  if (call.api == "DescribeAvailableResource") return AvailableResource(parameters);
  if (call.api == "ListUsage") return Usage();
  Json region = {{"RegionId", options_.region}, {"RegionEndpoint", "eci.emulated"}, {"Zones", Json::array()}};
  for (const auto& [vswitch, zone] : options_.zone_of_vswitch) region["Zones"].push_back(zone);
  return {200, {{"Regions", Json::array({std::move(region)})}}};
}

Emulator::Answer Emulator::Decide(const net::ServerRequest& request) {
  SignedCall call;
  const Verdict verdict = Verify(request, options_.keys, Now(), call);
  ++counts_.calls[call.api];
  if (!verdict.code.empty()) return Fail(verdict.status, verdict.code, verdict.message);
  if (call.version != "2018-08-08") return Fail(400, "InvalidVersion", "there is no such version");
  if (!nonces_.insert(call.nonce).second) return Fail(400, "SignatureNonceUsed", "the nonce was used before");
  if (IsThrottled(call.api)) {
    ++counts_.throttled;
    Answer answer = Fail(400, "Throttling.User", "the request was denied due to user flow control");
    answer.retry_after = 1s;
    return answer;
  }
  if (random_.Chance(options_.faults.server_error)) return Fail(500, "InternalError", "an internal error has occurred");
  return Dispatch(call);
}

Task<std::optional<net::ServerResponse>> Emulator::Serve(net::ServerRequest request) {
  const bool loses_request = random_.Chance(options_.faults.lost_request);
  const bool loses_reply = random_.Chance(options_.faults.lost_reply);
  co_await runtime_.SleepFor(options_.call / 2);
  if (options_.faults.down || loses_request) co_return std::nullopt;
  Answer answer = Decide(request);
  if (loses_reply) co_return std::nullopt;
  answer.body["RequestId"] = fmt::format("REQ-{:08}", next_request_++);
  net::ServerResponse response;
  response.status = answer.status;
  response.content_type = "application/json;charset=utf-8";
  response.body = answer.body.dump();
  if (answer.retry_after > Duration(0)) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(answer.retry_after).count();
    response.headers.emplace_back("x-acs-retry-after", fmt::format("{}", milliseconds));
  }
  co_await runtime_.SleepFor(options_.call / 2);
  co_return response;
}

std::vector<Group> Emulator::Live() const {
  std::vector<Group> live;
  for (const auto& [id, group] : groups_) {
    const GroupView view = ViewAt(group, Now());
    if (!view.is_gone && !view.ended_at) live.push_back(group);
  }
  return live;
}

std::size_t Emulator::live() const {
  return static_cast<std::size_t>(std::count_if(groups_.begin(), groups_.end(), [this](const auto& group) {
    const GroupView view = ViewAt(group.second, Now());
    return !view.is_gone && !view.ended_at;
  }));
}

bool Emulator::Reclaim(const std::string& id) {
  Group* group = Find(id);
  if (!group || group->reclaimed_at) return false;
  group->reclaimed_at = Now();
  return true;
}

bool Emulator::SayOddly(const std::string& id, const std::string& status) {
  Group* group = Find(id);
  if (group) group->odd_status = status;
  return group != nullptr;
}

}  // namespace spillway::emulators::eci
