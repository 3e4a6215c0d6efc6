#include "tests/emulators/eksci/emulator.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace spillway::emulators::eksci {
namespace {

constexpr std::size_t kPage = 100, kDeleted = 20, kMostEvents = 100, kMostLines = 2000, kMostBytes = 1u << 20;
constexpr Limit kLimit = {20, 20};  // of each API

std::size_t NumberOf(const Json& body, const char* name, std::size_t otherwise, std::size_t most) {
  const auto number = body.value(name, std::int64_t{0});
  return number > 0 ? std::min(static_cast<std::size_t>(number), most) : otherwise;
}

bool Holds(const Json& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

Emulator::Emulator(Runtime& runtime, EmulatorOptions options)
    : runtime_(runtime), options_(std::move(options)), random_(runtime.random().Fork()), limits_({}, kLimit) {}

Emulator::~Emulator() = default;

Instance* Emulator::Find(const std::string& id) {
  const auto found = instances_.find(id);
  if (found == instances_.end() || Now() < found->second.shown_at) return nullptr;
  return ViewAt(found->second, Now()).is_gone ? nullptr : &found->second;
}

Emulator::Answer Emulator::Fail(const std::string& code, const std::string& message) {
  return {{"Error", {{"Code", code}, {"Message", message}}}};
}

// ---- create and delete

void Emulator::CheckOnePerName(const std::string& name) {
  for (const std::string& id : of_name_[name]) {
    const auto other = instances_.find(id);
    if (other == instances_.end() || other->second.deleted_at || !IsLive(other->second, Now())) continue;
    violations_.push_back(fmt::format("another one was made while there was {}: {}", id, name));
  }
}

std::string Emulator::Keep(Instance instance) {
  instance.id = fmt::format("eksci-{:08}", next_id_);
  const std::uint64_t address = next_id_ + 1;
  instance.ip = fmt::format("10.78.{}.{}", address / 256 % 256, address % 256);
  instance.created_at = Now();
  instance.shown_at = Now() + options_.faults.shown_late;
  instance.schedule_after = options_.schedule_after;
  instance.start_after = std::max(options_.schedule_after, options_.start_after);
  ++next_id_;
  ++counts_.created;
  const std::string id = instance.id;
  of_name_[instance.name()].push_back(id);
  instances_.emplace(id, std::move(instance));
  return id;
}

Emulator::Answer Emulator::Create(const Json& body) {
  last_create_ = body;
  if (body["VpcId"] != options_.vpc) return Fail("InvalidParameterValue.VpcId", "there is no such VPC");
  const auto zone = options_.zone_of_subnet.find(body["SubnetId"].get<std::string>());
  if (zone == options_.zone_of_subnet.end()) return Fail("InvalidParameterValue.SubnetId", "there is no such subnet");
  if (options_.faults.in_arrears)
    return Fail("FailedOperation.TradeInsufficientBalance", "the balance is insufficient");
  if (options_.faults.zones_without_stock.contains(zone->second) || random_.Chance(options_.faults.no_stock))
    return Fail("ResourcesSoldOut", "the resources are sold out");
  if (instances_.size() >= options_.quota_instances && live() >= options_.quota_instances)
    return Fail("LimitExceeded", "the account has as many instances as it may have");
  Instance instance = MakeInstance(body);
  instance.zone = zone->second;
  instance.lacks_stock = random_.Chance(options_.faults.late_no_stock);
  CheckOnePerName(instance.name());
  const std::string id = Keep(std::move(instance));
  return {{"EksCiIds", Json::array({id})}};
}

Emulator::Answer Emulator::Delete(const Json& body) {
  const Json ids = body.value("EksCiIds", Json::array());
  if (ids.empty()) return Fail("MissingParameter", "the request lacks `EksCiIds`");
  if (ids.size() > kDeleted) return Fail("InvalidParameter", "more than 20 instances");
  for (const Json& id : ids) {
    if (!Find(id)) return Fail("ResourceNotFound", fmt::format("{} is not found", id.get<std::string>()));
  }
  for (const Json& id : ids) {
    Instance* instance = Find(id);
    if (instance->deleted_at || random_.Chance(options_.faults.ignored_delete)) continue;
    ++counts_.deleted;
    instance->deleted_at = Now();
    instance->stop_after = options_.stop_after;
  }
  return Json::object();
}

// ---- what is there

bool Emulator::IsSelected(const Instance& instance, const Json& body) const {
  const LifeView view = ViewAt(instance, Now());
  if (view.is_gone || Now() < instance.shown_at || options_.faults.lists_nothing) return false;
  if (body.contains("EksCiIds") && !Holds(body["EksCiIds"], instance.id)) return false;
  for (const Json& filter : body.value("Filters", Json::array())) {
    const std::string name = filter.value("Name", "");
    const std::string value = name == "eks-ci-name"  ? instance.name()
                              : name == "status"     ? StatusOf(instance, view)
                              : name == "vpc-id"     ? instance.request.value("VpcId", "")
                              : name == "private-ip" ? instance.ip
                                                     : "";
    if (!Holds(filter.value("Values", Json::array()), value)) return false;
  }
  return true;
}

// The newest first; as few as can be told without looking at them.
std::vector<const Instance*> Emulator::Candidates(const Json& body) {
  std::vector<const Instance*> candidates;
  const auto add = [&](const std::string& id) {
    if (const auto one = instances_.find(id); one != instances_.end()) candidates.push_back(&one->second);
  };
  for (const Json& filter : body.value("Filters", Json::array())) {
    if (filter.value("Name", "") != "eks-ci-name") continue;
    for (const Json& name : filter.value("Values", Json::array())) {
      for (const std::string& id : of_name_[name.get<std::string>()]) add(id);
    }
    std::reverse(candidates.begin(), candidates.end());
    return candidates;
  }
  if (body.contains("EksCiIds")) {
    for (const Json& id : body["EksCiIds"]) add(id.get<std::string>());
    return candidates;
  }
  std::erase_if(instances_, [this](const auto& one) { return ViewAt(one.second, Now()).is_gone; });
  for (auto one = instances_.rbegin(); one != instances_.rend(); ++one) candidates.push_back(&one->second);
  return candidates;
}

void Emulator::MovePages(const std::vector<const Instance*>& selected, std::size_t offset) {
  if (offset == 0 || offset >= selected.size() || !random_.Chance(options_.faults.moving_pages)) return;
  Instance& moved = instances_.at(selected[random_.Below(offset)]->id);
  moved.deleted_at = Now() - options_.stop_after;
  moved.stop_after = options_.stop_after;
}

Emulator::Answer Emulator::Describe(const Json& body) {
  if (body.value("EksCiIds", Json::array()).size() > kPage) return Fail("InvalidParameter", "more than 100 ids");
  const auto offset = static_cast<std::size_t>(std::max<std::int64_t>(0, body.value("Offset", std::int64_t{0})));
  std::vector<const Instance*> selected;
  const auto select = [&] {
    selected = Candidates(body);
    std::erase_if(selected, [&](const Instance* one) { return !IsSelected(*one, body); });
  };
  select();
  MovePages(selected, offset);
  select();
  Json told = Json::array();
  const std::size_t limit = NumberOf(body, "Limit", 20, kPage);
  for (std::size_t i = offset; i < selected.size() && told.size() < limit; ++i) {
    told.push_back(InstanceAnswer(*selected[i], Now(), !options_.faults.hides_environment));
  }
  return {{"TotalCount", selected.size()}, {"EksCis", std::move(told)}};
}

Emulator::Answer Emulator::Log(const Json& body) {
  const Instance* instance = Find(body.value("EksCiId", ""));
  if (!instance) return Fail("ResourceNotFound", "the instance is not found");
  LogQuery query;
  query.container = body.value("ContainerName", "");
  if (query.container.empty() && instance->containers.size() == 1) query.container = instance->containers[0].name;
  query.tail = NumberOf(body, "Tail", 500, kMostLines);
  query.limit_bytes = NumberOf(body, "LimitBytes", kMostBytes, kMostBytes);
  query.previous = body.value("Previous", false);
  query.since = base::ParseRfc3339(body.value("StartTime", ""));
  if (const std::size_t seconds = NumberOf(body, "SinceSeconds", 0, 1u << 30); seconds > 0)
    query.since = Now() - std::chrono::seconds(seconds);
  const LifeView view = ViewAt(*instance, Now());
  for (const auto& [plans, runs] : {std::pair{&instance->containers, &view.containers},
                                    std::pair{&instance->init_containers, &view.init_containers}}) {
    for (std::size_t i = 0; i < plans->size() && i < runs->size(); ++i) {
      if ((*plans)[i].name != query.container) continue;
      return {{"ContainerName", query.container}, {"LogContent", LogText((*plans)[i], (*runs)[i], query, Now())}};
    }
  }
  return Fail("InternalError.ContainerNotFound", "the instance has no such container");
}

Emulator::Answer Emulator::Events(const Json& body) {
  const Instance* instance = Find(body.value("EksCiId", ""));
  if (!instance) return Fail("ResourceNotFound", "the instance is not found");
  const std::size_t limit = NumberOf(body, "Limit", 50, kMostEvents);
  return {{"EksCiId", instance->id}, {"Events", EventsAnswer(*instance, Now(), limit)}};
}

// ---- a call

Emulator::Answer Emulator::Dispatch(const std::string& api, const Json& body) {
  const Complaint complaint = CheckFields(api, body);
  if (!complaint.code.empty()) return Fail(complaint.code, complaint.message);
  if (options_.faults.permission_lost)
    return Fail("UnauthorizedOperation.CamNoAuth", fmt::format("you are not authorized to perform tke:{}", api));
  if (api == "CreateEKSContainerInstances") return Create(body);
  if (api == "DeleteEKSContainerInstances") return Delete(body);
  if (api == "DescribeEKSContainerInstances") return Describe(body);
  if (api == "DescribeEksContainerInstanceLog") return Log(body);
  if (api == "DescribeEKSContainerInstanceEvent") return Events(body);
  Json region = {{"Alias", "em"}, {"RegionName", options_.region}, {"RegionId", 1}};
  return {{"TotalCount", 1}, {"Regions", Json::array({std::move(region)})}};
}

Emulator::Answer Emulator::Decide(const net::ServerRequest& request) {
  const std::string api = request.Header("x-tc-action");
  ++counts_.calls[api];
  const Complaint complaint = Verify(request, options_.keys, Now());
  if (!complaint.code.empty()) return Fail(complaint.code, complaint.message);
  if (request.Header("x-tc-version") != "2018-05-25") return Fail("NoSuchVersion", "there is no such version");
  if (request.Header("x-tc-region") != options_.region) return Fail("UnsupportedRegion", "there is no such region");
  const bool is_within = limits_.Take(api, runtime_.Now()) || !options_.enforces_limits;
  if (!is_within || random_.Chance(options_.faults.throttled)) {
    ++counts_.throttled;
    return Fail("RequestLimitExceeded", fmt::format("your current request times equals to 21 in a second: {}", api));
  }
  if (random_.Chance(options_.faults.server_error)) return Fail("InternalError.UnexceptedInternal", "unexpected");
  return Dispatch(api, Json::parse(request.body, nullptr, false));
}

Task<std::optional<net::ServerResponse>> Emulator::Serve(net::ServerRequest request) {
  const bool loses_request = random_.Chance(options_.faults.lost_request);
  const bool loses_reply = random_.Chance(options_.faults.lost_reply);
  co_await runtime_.SleepFor(options_.call / 2);
  if (options_.faults.down || loses_request) co_return std::nullopt;
  Answer answer = Decide(request);
  if (loses_reply) co_return std::nullopt;
  answer["RequestId"] = fmt::format("REQ-{:08}", next_request_++);
  net::ServerResponse response;
  response.status = 200;  // errors too
  response.content_type = "application/json";
  response.body = Json({{"Response", std::move(answer)}}).dump();
  co_await runtime_.SleepFor(options_.call / 2);
  co_return response;
}

std::vector<Instance> Emulator::Live() const {
  std::vector<Instance> live;
  for (const auto& [id, instance] : instances_) {
    if (IsLive(instance, Now())) live.push_back(instance);
  }
  return live;
}

bool Emulator::SayOddly(const std::string& id, const std::string& status) {
  Instance* instance = Find(id);
  if (instance) instance->odd_status = status;
  return instance != nullptr;
}

std::string Emulator::Double(const std::string& id) {
  const Instance* instance = Find(id);
  return instance ? Keep(MakeInstance(instance->request)) : "";
}

}  // namespace spillway::emulators::eksci
