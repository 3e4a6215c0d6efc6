#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controller/policy/policy.h"
#include "kube/api/objects.h"

// Switches that say whether a Pod may overflow. The nearest that is set decides, in this order:
//
//   the Pod's        spillway.io/overflow, AUTO_SCALE_EKS, then the names of other clouds (docs/policy.md has the
//   table) the Namespace's  spillway.io/overflow, alibabacloud.com/eci the cluster's    AUTO_SCALE_EKS in a ConfigMap,
//   by default kube-system/eks-config
//
// and without any a Pod may. Each is an annotation or a label, the annotation first. A value that is none of its words
// counts as not set. With SwitchTable::kBrief, AUTO_SCALE_EKS=false on a Pod is nothing that the global switch does not
// say.
//
// Source: the page and the README of tke-resilience, which contradict each other in two of nine cells.
namespace spillway::controller {

// What of Namespaces is read, by name. Only those that say something are kept.
class NamespaceSwitches {
 public:
  // True if that changes anything.
  bool Set(const kube::Namespace& ns);
  bool Remove(std::string_view uid);

  struct Switches {
    std::optional<std::string> overflow, eci;
    bool fails_over = false;  // see fail_over.h
    bool operator==(const Switches&) const = default;
  };
  // nullptr: it says nothing.
  const Switches* Of(const std::string& ns) const;

 private:
  std::unordered_map<std::string, Switches> by_name_;
  std::unordered_map<std::string, std::string> names_;  // by UID
};

struct SwitchAnswer {
  bool may = true;
  bool own_name = false;  // it is the Pod's spillway.io/overflow
  std::string by;         // what says so, and where; empty: nothing does
  // Switches that say otherwise or cannot be read, and that they are not followed; empty: none.
  std::string besides;
};

// `global`: AUTO_SCALE_EKS of the cluster; nullopt: not set.
SwitchAnswer AskSwitches(const kube::Pod& pod, const NamespaceSwitches& namespaces,
                         const std::optional<std::string>& global, const Policy& policy);

// One name of another cloud, as docs/policy.md lists them.
struct SwitchAlias {
  std::string_view key, value;
  bool may = true;
  std::string_view meaning;
};
const std::vector<SwitchAlias>& SwitchAliases();

}  // namespace spillway::controller
