#include "controller/explainer.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/decide.h"
#include "controller/outcome_words.h"
#include "kube/api/decode.h"
#include "kube/paths.h"

namespace spillway::controller {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kRestFactor = 9;         // an answer that took 1 ms is followed by 9 ms without one
constexpr int kFetches = 4;            // at once
constexpr std::size_t kMostTold = 10;  // decisions of the log, newest first
constexpr Duration kFetchTimeout = std::chrono::seconds(5);

// RFC 1123 subdomain, as names of namespaces and Pods are.
bool IsName(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
}

const PendingPod* Find(const PendingPods& pods, const std::string& ns, const std::string& name) {
  for (const auto& [uid, pod] : pods) {
    if (pod.object.metadata.name == name && pod.object.metadata.ns == ns) return &pod;
  }
  return nullptr;
}

Json Signed(const ExplainerIdentity& who) {
  Json json = {{"identity", who.identity}, {"leads", who.leads}};
  if (!who.leader.empty()) json["leader"] = who.leader;
  if (who.dry_run) json["dryRun"] = true;
  json["kubeScheduler"] = {{"version", VersionName(who.scheduler.found)},
                           {"simulated", VersionName(who.scheduler.simulated)}};
  return json;
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

Explainer::Explainer(Runtime& runtime, kube::Client& api, const DecisionLog& decisions, const Policy& policy)
    : runtime_(runtime), api_(api), decisions_(decisions), policy_(policy) {}

Status Explainer::MayAsk() const {
  const Instant now = runtime_.Now();
  if (now >= next_ && fetching_ < kFetches) return {};
  Error error{Code::kThrottled, "explain is asked too often; try again in a moment"};
  error.retry_after = std::max<Duration>(std::chrono::milliseconds(100), next_ - now);
  return Fail(std::move(error));
}

Task<Result<std::string>> Explainer::Explain(const ClusterState& state, ExplainerIdentity who, std::string ns,
                                             std::string name, ExplainDetail detail) {
  if (!IsName(ns) || !IsName(name)) co_return Fail(Code::kInvalidArgument, "that is no name of a namespace and a Pod");
  if (Status may = MayAsk(); !may) co_return Fail(std::move(may.error()));
  if (Status usable = state.Usable(); !usable) {
    co_return Fail(Code::kUnavailable, "not in step with the API server: " + usable.error().message);
  }
  if (const PendingPod* pod = Find(state.pending(), ns, name); pod != nullptr) {
    const Instant began = runtime_.Now();
    std::string answer = AnswerPending(state, who, *pod, detail);
    next_ = runtime_.Now() + (runtime_.Now() - began) * kRestFactor;
    co_return answer;
  }
  Result<Json> answer = co_await OfOther(state, std::move(ns), std::move(name));
  if (!answer) co_return Fail(std::move(answer.error()));
  kube::ObjectMeta pod;
  pod.ns = (*answer)["namespace"].get<std::string>();
  pod.name = (*answer)["name"].get<std::string>();
  (*answer)["spillway"] = Signed(who);
  (*answer)["spillway"]["told"] = Told(pod);
  co_return Dump(*answer);
}

std::string Explainer::AnswerPending(const ClusterState& state, const ExplainerIdentity& who, const PendingPod& pod,
                                     ExplainDetail detail) {
  Json answer = OfPending(state, pod, detail);
  Json spillway = Signed(who);
  spillway["mode"] = ToString(policy_.mode);
  if (policy_.mode == Mode::kOff) {
    spillway["why"] = fmt::format("not moved: nothing is, {} is Off", policy_.mode_set_in);
  } else if (pod.decision) {
    spillway["outcome"] = Word(pod.decision->outcome);
    spillway["why"] = WhatBecomesOf(pod, *pod.decision, policy_, {runtime_.Now(), who.dry_run});
  }
  spillway["told"] = Told(pod.object.metadata);
  answer["spillway"] = std::move(spillway);
  return Dump(answer);
}

Json Explainer::OfPending(const ClusterState& state, const PendingPod& pod, ExplainDetail detail) {
  const auto index = state.cluster().FindPod(pod.object.metadata.uid);
  if (!index || !state.cluster().class_of(*index).valid()) {  // counts as placed: its bind is under way
    Json json = DescribePod(state.cluster(), pod.object);
    json["state"] = "binding";
    json["node"] = pod.assumed_node;
    return json;
  }
  const auto held = WhyNotScheduled(pod.object, policy_);
  return ExplainPending(state.cluster(), pod.object, *index, held ? held->text : "",
                        {.detail = detail, .overflow_taints = policy_.overflow_taints});
}

// The model does not know bound Pods by name: the API server does.
Task<Result<Json>> Explainer::OfOther(const ClusterState& state, std::string ns, std::string name) {
  struct Counting {
    explicit Counting(int& count_in) : count(count_in) { ++count; }
    ~Counting() { --count; }
    int& count;
  };
  const Counting fetching(fetching_);
  kube::Request request;
  request.path = kube::PodPath(ns, name);
  request.timeout = kFetchTimeout;
  Result<kube::Response> response = co_await api_.Send(std::move(request));
  if (!response) co_return Fail(Code::kUnavailable, "asking the API server for it: " + response.error().message);
  if (response->status == 404) co_return Fail(Code::kNotFound, fmt::format("there is no Pod {}/{}", ns, name));
  if (response->status != 200) {
    co_return Fail(Code::kUnavailable, kube::ExplainRefusal(kube::ToError(*response), "get", "pods").message);
  }
  kube::Decoder decoder;
  const Result<kube::Pod> pod = decoder.Decode<kube::Pod>(response->body);
  if (!pod) co_return Fail(Code::kUnavailable, "the API server's answer: " + pod.error().message);
  if (!pod->is_bound() && !pod->is_terminal()) {
    co_return Fail(Code::kUnavailable, fmt::format("Pod {}/{} is so new that it has not been seen yet", ns, name));
  }
  co_return DescribePod(state.cluster(), *pod);
}

Json Explainer::Told(const kube::ObjectMeta& pod) const {
  auto told = Json::array();
  for (const LoggedDecision* decision : decisions_.OfPod(pod.Key())) {
    if (told.size() == kMostTold) break;
    Json entry = {{"id", decision->id},
                  {"at", base::FormatRfc3339(decision->at)},
                  {"reason", decision->reason},
                  {"text", decision->text}};
    if (!decision->node.empty()) entry["node"] = decision->node;
    told.push_back(std::move(entry));
  }
  return told;
}

}  // namespace spillway::controller
