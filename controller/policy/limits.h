#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kube/api/objects.h"
#include "kube/api/prices.h"

namespace spillway::controller {

// Of one Pod, or of many together. Money is in millionths of whatever prices are given in.
struct Amounts {
  std::int64_t pods = 0, milli_cpu = 0, memory = 0, micro_money_per_hour = 0;
  bool operator==(const Amounts&) const = default;
};
Amounts Plus(const Amounts& a, const Amounts& b);
Amounts Minus(const Amounts& a, const Amounts& b);

// At most so much may overflow at a time. Ended Pods do not count: they cost nothing.
struct Limits {
  struct Cap {
    std::string scope;   // the namespace; "" for the whole cluster, "*" for each namespace that has none of its own
    std::string set_in;  // for texts: "limits.namespaces[0]"
    std::optional<std::int64_t> pods, milli_cpu, memory, micro_money_per_hour;
    bool operator==(const Cap&) const = default;
  };
  std::vector<Cap> caps;
  struct NodePrice {
    kube::LabelSelector nodes;
    kube::Price price;
    bool operator==(const NodePrice&) const = default;
  };
  std::vector<NodePrice> prices;  // of nodes without annotations; the first that matches

  bool has_money() const;
  bool operator==(const Limits&) const = default;
};

// The annotations' price, else the table's; nullopt: it has none.
std::optional<kube::Price> PriceOf(const kube::Node& node, const Limits& limits);

// What has overflowed: Pods on virtual nodes that have not ended, whoever sent them there, and those that are being
// bound. Kept up to date by deltas.
class OverflowLedger {
 public:
  // The node is virtual, at that price.
  void SetVirtual(const std::string& node, std::optional<kube::Price> price);
  // It is real: what is on it is forgotten.
  void SetReal(const std::string& node);
  // It is gone: what is on it goes on counting until it is gone too, since its instances go on costing.
  void RemoveNode(const std::string& node);
  // Nobody knows the node, but Pods were bound to it as a virtual one.
  void PresumeVirtual(const std::string& node);

  // A Pod is on that node, or is on its way there. Of a node that is not known yet it counts once it is virtual; of a
  // real one nobody need tell.
  void Put(const std::string& uid, const std::string& ns, const std::string& node, const Amounts& of_pod);
  void Remove(std::string_view uid);

  // It has been Put() there, and not removed.
  bool Holds(const std::string& uid) const { return where_.contains(uid); }
  // In the namespace; "" is everywhere.
  Amounts Of(const std::string& ns) const;
  // What a Pod costs an hour on that node; nullopt: it has no price.
  std::optional<std::int64_t> CostOf(const std::string& node, const Amounts& of_pod) const;
  // Counts the changes that may let a Pod go which had to wait.
  std::uint64_t relaxations() const { return relaxations_; }

 private:
  struct PodEntry {
    std::string ns;
    Amounts amounts;  // without money
  };
  struct NodeEntry {
    bool is_virtual = false;
    bool is_there = false;  // else it is kept for its Pods alone
    std::optional<kube::Price> price;
    std::unordered_map<std::string, PodEntry> pods;  // by UID
  };
  void Count(const NodeEntry& node, const PodEntry& pod, int sign);
  void Change(NodeEntry& node, bool is_virtual, std::optional<kube::Price> price);

  std::unordered_map<std::string, NodeEntry> nodes_;
  std::unordered_map<std::string, std::string> where_;  // node, by UID
  std::unordered_map<std::string, Amounts> totals_;     // by namespace, "" for all; of virtual nodes, with money
  std::uint64_t relaxations_ = 0;
};

// Which cap keeps the Pod from that virtual node, and what is in it: "limits.namespaces[0]: 10 of at most 10 Pods of
// namespace shop have overflowed". nullopt: none.
std::optional<std::string> WhyAtLimit(const std::string& ns, const std::string& node, const Amounts& of_pod,
                                      const Limits& limits, const OverflowLedger& ledger);

}  // namespace spillway::controller
