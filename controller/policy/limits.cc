#include "controller/policy/limits.h"

#include <fmt/core.h>

#include <algorithm>

#include "kube/api/selector.h"

namespace spillway::controller {
namespace {

constexpr std::int64_t kGib = std::int64_t{1} << 30;

std::int64_t CostAt(const kube::Price& price, const Amounts& amounts) {
  return kube::CostAt(price, amounts.milli_cpu, amounts.memory);
}

std::string FormatCpu(std::int64_t milli) {
  return milli % 1000 == 0 ? fmt::format("{}", milli / 1000) : fmt::format("{}m", milli);
}

std::string FormatBytes(std::int64_t bytes) {
  constexpr std::int64_t kMib = std::int64_t{1} << 20;
  if (bytes % kGib == 0) return fmt::format("{}Gi", bytes / kGib);
  return bytes % kMib == 0 ? fmt::format("{}Mi", bytes / kMib) : fmt::format("{}", bytes);
}

// "10 of at most 10 Pods", where one more is too many.
std::optional<std::string> WhyOver(std::int64_t used, std::int64_t more, std::optional<std::int64_t> cap,
                                   std::string_view what, std::string (*format)(std::int64_t)) {
  if (!cap || used + more <= *cap) return std::nullopt;
  return fmt::format("{} of at most {} {} in use, {} more wanted", format(used), format(*cap), what, format(more));
}

std::string Plain(std::int64_t number) { return fmt::format("{}", number); }

std::optional<std::string> WhyOver(const Limits::Cap& cap, const Amounts& used, const Amounts& more) {
  auto why = WhyOver(used.pods, more.pods, cap.pods, "Pods", Plain);
  if (!why) why = WhyOver(used.milli_cpu, more.milli_cpu, cap.milli_cpu, "CPUs", FormatCpu);
  if (!why) why = WhyOver(used.memory, more.memory, cap.memory, "memory", FormatBytes);
  if (!why) {
    why = WhyOver(used.micro_money_per_hour, more.micro_money_per_hour, cap.micro_money_per_hour, "money per hour",
                  kube::FormatMoney);
  }
  return why;
}

// Of this namespace, its own or that of each; then the cluster's.
std::vector<const Limits::Cap*> CapsOf(const std::string& ns, const Limits& limits) {
  std::vector<const Limits::Cap*> caps;
  const auto find = [&](std::string_view scope) {
    const auto found =
        std::find_if(limits.caps.begin(), limits.caps.end(), [&](const auto& cap) { return cap.scope == scope; });
    return found == limits.caps.end() ? nullptr : &*found;
  };
  const Limits::Cap* own = find(ns);
  if (own == nullptr) own = find("*");
  for (const Limits::Cap* cap : {own, find("")}) {
    if (cap != nullptr) caps.push_back(cap);
  }
  return caps;
}

}  // namespace

Amounts Plus(const Amounts& a, const Amounts& b) {
  return {a.pods + b.pods, a.milli_cpu + b.milli_cpu, a.memory + b.memory,
          a.micro_money_per_hour + b.micro_money_per_hour};
}

Amounts Minus(const Amounts& a, const Amounts& b) {
  return {a.pods - b.pods, a.milli_cpu - b.milli_cpu, a.memory - b.memory,
          a.micro_money_per_hour - b.micro_money_per_hour};
}

bool Limits::has_money() const {
  return std::any_of(caps.begin(), caps.end(), [](const Cap& cap) { return cap.micro_money_per_hour.has_value(); });
}

std::optional<kube::Price> PriceOf(const kube::Node& node, const Limits& limits) {
  const std::string* cpu = kube::Find(node.metadata.annotations, kube::kPricePerCpu);
  const std::string* gib = kube::Find(node.metadata.annotations, kube::kPricePerGib);
  const auto micro_cpu = kube::ParseMoney(cpu == nullptr ? "0" : *cpu),
             micro_gib = kube::ParseMoney(gib == nullptr ? "0" : *gib);
  if ((cpu != nullptr || gib != nullptr) && micro_cpu && micro_gib) return kube::Price{*micro_cpu, *micro_gib};
  for (const Limits::NodePrice& price : limits.prices) {
    if (kube::Matches(price.nodes, node.metadata.labels)) return price.price;
  }
  return std::nullopt;
}

// ---- the ledger

void OverflowLedger::Count(const NodeEntry& node, const PodEntry& pod, int sign) {
  if (!node.is_virtual) return;
  Amounts counted = pod.amounts;
  counted.micro_money_per_hour = node.price ? CostAt(*node.price, pod.amounts) : 0;
  if (sign < 0) {
    counted = Minus(Amounts(), counted);
    ++relaxations_;
  }
  for (const std::string& scope : {pod.ns, std::string()}) totals_[scope] = Plus(totals_[scope], counted);
}

void OverflowLedger::Change(NodeEntry& node, bool is_virtual, std::optional<kube::Price> price) {
  if (node.is_virtual == is_virtual && node.price == price) return;
  for (const auto& [uid, pod] : node.pods) Count(node, pod, -1);
  node.is_virtual = is_virtual;
  node.price = price;
  for (const auto& [uid, pod] : node.pods) Count(node, pod, +1);
  ++relaxations_;
}

void OverflowLedger::SetVirtual(const std::string& node, std::optional<kube::Price> price) {
  NodeEntry& entry = nodes_[node];
  entry.is_there = true;
  Change(entry, true, price);
}

void OverflowLedger::SetReal(const std::string& node) {
  const auto known = nodes_.find(node);
  if (known == nodes_.end()) return;
  Change(known->second, false, std::nullopt);
  for (const auto& [uid, pod] : known->second.pods) where_.erase(uid);
  nodes_.erase(known);
}

void OverflowLedger::RemoveNode(const std::string& node) {
  const auto known = nodes_.find(node);
  if (known == nodes_.end()) return;
  known->second.is_there = false;
  if (known->second.pods.empty()) nodes_.erase(known);
}

void OverflowLedger::PresumeVirtual(const std::string& node) {
  NodeEntry& entry = nodes_[node];
  Change(entry, true, entry.price);
}

void OverflowLedger::Put(const std::string& uid, const std::string& ns, const std::string& node,
                         const Amounts& of_pod) {
  if (const auto where = where_.find(uid); where != where_.end() && where->second == node) {
    const PodEntry& known = nodes_[node].pods[uid];
    if (known.ns == ns && known.amounts == of_pod) return;  // as with each status that comes
  }
  Remove(uid);
  NodeEntry& entry = nodes_[node];
  where_[uid] = node;
  Count(entry, entry.pods[uid] = {ns, of_pod}, +1);
}

void OverflowLedger::Remove(std::string_view uid) {
  const auto where = where_.find(std::string(uid));
  if (where == where_.end()) return;
  NodeEntry& node = nodes_[where->second];
  const auto pod = node.pods.find(where->first);
  Count(node, pod->second, -1);
  node.pods.erase(pod);
  if (!node.is_there && node.pods.empty()) nodes_.erase(where->second);
  where_.erase(where);
}

Amounts OverflowLedger::Of(const std::string& ns) const {
  const auto found = totals_.find(ns);
  return found == totals_.end() ? Amounts() : found->second;
}

std::optional<std::int64_t> OverflowLedger::CostOf(const std::string& node, const Amounts& of_pod) const {
  const auto known = nodes_.find(node);
  if (known == nodes_.end() || !known->second.price) return std::nullopt;
  return CostAt(*known->second.price, of_pod);
}

// ---- the caps

std::optional<std::string> WhyAtLimit(const std::string& ns, const std::string& node, const Amounts& of_pod,
                                      const Limits& limits, const OverflowLedger& ledger) {
  if (limits.caps.empty()) return std::nullopt;
  Amounts more = of_pod;
  const std::optional<std::int64_t> cost = ledger.CostOf(node, of_pod);
  more.micro_money_per_hour = cost.value_or(0);
  for (const Limits::Cap* cap : CapsOf(ns, limits)) {
    const std::string whose = cap->scope.empty() ? "of all namespaces" : "of namespace " + ns;
    if (cap->micro_money_per_hour && !cost) {
      return fmt::format("{} limits money per hour, and virtual node {} has no price (annotation {}, or a table)",
                         cap->set_in, node, kube::kPricePerCpu);
    }
    const auto why = WhyOver(*cap, ledger.Of(cap->scope.empty() ? "" : ns), more);
    if (why) return fmt::format("{} {}: {}", cap->set_in, whose, *why);
  }
  return std::nullopt;
}

}  // namespace spillway::controller
