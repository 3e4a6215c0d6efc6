#include "controller/policy/switches.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "controller/policy/fail_over.h"

namespace spillway::controller {
namespace {

constexpr std::string_view kOverflow = "spillway.io/overflow";
constexpr std::string_view kAutoScale = "AUTO_SCALE_EKS";
constexpr std::string_view kEci = "alibabacloud.com/eci";

const std::string* AnnotationOrLabel(const kube::ObjectMeta& meta, std::string_view key) {
  const std::string* value = kube::Find(meta.annotations, key);
  return value != nullptr ? value : kube::Find(meta.labels, key);
}

std::optional<bool> Word(std::string_view value) {
  if (value == "true") return true;
  if (value == "false") return false;
  return std::nullopt;
}

// Of a name of another cloud; nullopt: it is none of its words.
std::optional<bool> AliasWord(std::string_view key, std::string_view value) {
  for (const SwitchAlias& alias : SwitchAliases()) {
    if (alias.key == key && alias.value == value) return alias.may;
  }
  return std::nullopt;
}

// Takes the switches in their order, the nearest first.
class Reading {
 public:
  // `value` null: it is not set.
  void Take(const std::string* value, std::string_view key, std::string_view where, std::optional<bool> may) {
    if (value == nullptr) return;
    if (!may) {
      Note(fmt::format("{}={} on {} is none of its words and counts as not set", key, *value, where));
    } else if (answer_.by.empty()) {
      answer_.may = *may;
      answer_.by = fmt::format("{}={} on {}", key, *value, where);
    } else if (*may != answer_.may) {
      Note(fmt::format("{}={} on {} is not followed", key, *value, where));
    }
  }
  void Note(const std::string& text) { answer_.besides += (answer_.besides.empty() ? "" : "; ") + text; }
  bool is_decided() const { return !answer_.by.empty(); }
  SwitchAnswer& answer() { return answer_; }

 private:
  SwitchAnswer answer_;
};

}  // namespace

const std::vector<SwitchAlias>& SwitchAliases() {
  static const std::vector<SwitchAlias> kAliases = {
      {"alibabacloud.com/burst-resource", "eci", true, "real nodes first, then virtual ones: what Spillway does"},
      {"alibabacloud.com/burst-resource", "eci_only", true, "as eci; that it is to run there only is not enforced"},
      {kEci, "true", true, "as burst-resource: eci; on a Namespace too"},
      {"bursting.cci.io/burst-to-cci", "off", false, "stays on real nodes"},
      {"bursting.cci.io/burst-to-cci", "localPrefer", true, "real nodes first: what Spillway does"},
      {"bursting.cci.io/burst-to-cci", "auto", true,
       "as localPrefer; kube-scheduler's scores do not see virtual nodes"},
      {"bursting.cci.io/burst-to-cci", "enforce", true, "as localPrefer; that it is to run there only is not enforced"},
      {"vke.volcengine.com/burst-to-vci", "enforce", true,
       "may overflow; that it is to run there only is not enforced"},
  };
  return kAliases;
}

bool NamespaceSwitches::Set(const kube::Namespace& ns) {
  Switches now;
  if (const auto* value = AnnotationOrLabel(ns.metadata, kOverflow)) now.overflow = *value;
  if (const auto* value = AnnotationOrLabel(ns.metadata, kEci)) now.eci = *value;
  if (const auto* value = AnnotationOrLabel(ns.metadata, kFailOver)) now.fails_over = *value == "true";
  if (now == Switches()) return Remove(ns.metadata.uid);
  names_[ns.metadata.uid] = ns.metadata.name;
  Switches& kept = by_name_[ns.metadata.name];
  return std::exchange(kept, now) != now;
}

bool NamespaceSwitches::Remove(std::string_view uid) {
  const auto known = names_.find(std::string(uid));
  if (known == names_.end()) return false;
  by_name_.erase(known->second);
  names_.erase(known);
  return true;
}

const NamespaceSwitches::Switches* NamespaceSwitches::Of(const std::string& ns) const {
  if (by_name_.empty()) return nullptr;
  const auto found = by_name_.find(ns);
  return found == by_name_.end() ? nullptr : &found->second;
}

SwitchAnswer AskSwitches(const kube::Pod& pod, const NamespaceSwitches& namespaces,
                         const std::optional<std::string>& global, const Policy& policy) {
  Reading reading;
  const auto of_pod = [&](std::string_view key) { return AnnotationOrLabel(pod.metadata, key); };
  const auto word = [](const std::string* value) { return value == nullptr ? std::nullopt : Word(*value); };
  const std::string* own = of_pod(kOverflow);
  reading.Take(own, kOverflow, "the Pod", word(own));
  reading.answer().own_name = reading.is_decided();

  const std::string* local = of_pod(kAutoScale);
  const bool says_no = word(local) == std::optional(false);
  if (says_no && policy.auto_scale_eks_table == SwitchTable::kBrief) {
    local = nullptr;
    reading.Note("AUTO_SCALE_EKS=false on the Pod counts as not set (--auto-scale-eks-table=brief)");
  }
  reading.Take(local, kAutoScale, "the Pod", word(local));

  std::string_view before;
  for (const SwitchAlias& alias : SwitchAliases()) {
    if (std::exchange(before, alias.key) == alias.key) continue;
    const std::string* value = of_pod(alias.key);
    if (value != nullptr) reading.Take(value, alias.key, "the Pod", AliasWord(alias.key, *value));
  }
  if (const auto* ns = namespaces.Of(pod.metadata.ns)) {
    const std::string where = "Namespace " + pod.metadata.ns;
    if (ns->overflow) reading.Take(&*ns->overflow, kOverflow, where, Word(*ns->overflow));
    if (ns->eci) reading.Take(&*ns->eci, kEci, where, AliasWord(kEci, *ns->eci));
  }
  if (global) reading.Take(&*global, kAutoScale, "ConfigMap " + policy.auto_scale_eks_config, Word(*global));
  return std::move(reading.answer());
}

}  // namespace spillway::controller
