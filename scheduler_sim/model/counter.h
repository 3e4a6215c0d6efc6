#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api/objects.h"
#include "scheduler_sim/model/node_set.h"
#include "scheduler_sim/model/pool.h"

namespace spillway::sim {

struct TopologyTag;
struct CounterTag;
struct RuleTag;
struct TolerationsTag;
using TopologyId = StrongId<TopologyTag>;
using CounterId = StrongId<CounterTag>;
using RuleId = StrongId<RuleTag>;
using TolerationsId = StrongId<TolerationsTag>;

// A topology key in use: which domain (label value) each node is in.
struct Topology {
  static constexpr std::uint32_t kNoDomain = IdTable::kNone;

  std::vector<std::uint32_t> domain_of;  // by NodeIndex; kNoDomain without the label or the Node object
  Pool<char> domains;                    // label values; one reference per node

  std::uint32_t Of(NodeIndex node) const {
    return node.value() < domain_of.size() ? domain_of[node.value()] : kNoDomain;
  }
};

// Whom a (anti-)affinity term or spread constraint is about. The owner's namespace, where it is meant, is in the list.
struct PodTerm {
  std::vector<std::string> namespaces;
  std::optional<kube::LabelSelector> namespace_selector;
  std::optional<kube::LabelSelector> selector;
};

// Labels of a Pod as they are kept: the names, which replicas and their like share, and the values one after the other.
class PackedLabels {
 public:
  PackedLabels(const std::vector<std::string>& names, std::string_view values) : names_(names), values_(values) {}
  static void Append(std::string_view value, std::string& values);

  std::optional<std::string_view> Find(std::string_view name) const;
  bool Match(const kube::LabelSelector& selector) const;

 private:
  bool Meets(const kube::LabelRequirement& requirement) const;
  const std::vector<std::string>& names_;
  std::string_view values_;
};

// Counts Pods per topology domain. Definitions are hash-consed; the counts themselves are part of Usage.
struct Counter {
  enum class Kind : std::uint8_t {
    kMatched,  // Pods that match all of `terms`: an incoming Pod's (anti-)affinity
    kSpread,   // Pods that match the one term and are not terminating, on eligible nodes
    kCarried,  // Pods that have the one term as their own required anti-affinity
  };
  Kind kind = Kind::kMatched;
  TopologyId topology;
  std::vector<PodTerm> terms;

  // kSpread
  bool matches_none = false;  // an empty selector counts nobody, by upstream's early return
  std::vector<TopologyId> all_topologies;
  RuleId rule;                // invalid: nodeAffinityPolicy Ignore, or no rule
  TolerationsId tolerations;  // invalid: nodeTaintsPolicy Ignore
  NodeSet eligible;
  std::vector<std::uint32_t> eligible_nodes;  // per domain
};

// The counts of one Counter.
struct Counts {
  std::vector<std::int32_t> per_domain;
  std::int64_t total = 0;
  // How often a change may have let a Pod in: a domain went from none to some, or the smallest count rose.
  std::uint32_t relaxations = 0;
  // kSpread: how many eligible domains have a count, and the smallest count among them.
  std::vector<std::int32_t> domains_at;
  std::int32_t domains = 0, least = 0;

  std::int32_t Of(std::uint32_t domain) const { return domain < per_domain.size() ? per_domain[domain] : 0; }
  void Add(std::uint32_t domain, std::int32_t change, bool spread);
  void AddDomain(std::uint32_t domain);
  void RemoveDomain(std::uint32_t domain);

 private:
  void Move(std::int32_t from, std::int32_t to);
  void FindLeast();
};

}  // namespace spillway::sim
