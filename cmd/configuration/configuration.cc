#include "cmd/configuration/configuration.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/files.h"
#include "base/time.h"
#include "cmd/scheduler_config/strict_yaml.h"
#include "controller/policy/node_returns.h"
#include "kube/api/decode.h"
#include "kube/api/pod_features.h"
#include "kube/api/prices.h"
#include "kube/api/quantity.h"
#include "kube/api/selector.h"

namespace spillway::cmd {
namespace {

using controller::Limits;
using controller::Policy;
using controller::Restrictions;

// Reads a SpillwayConfiguration into a Policy; what goes wrong is in the Fields' Mistakes.
class ConfigurationFields {
 public:
  ConfigurationFields(Fields& root, std::string set_in) : root_(root), set_in_(std::move(set_in)) {}

  void ReadInto(Policy& policy) {
    CheckKind();
    ReadMode(policy);
    ReadEligibility(policy);
    ReadTimes(policy);
    ReadRestrictions(policy);
    ReadLimits(policy);
    ReadPools(policy);
    ReadNodeAutoscaler(policy);
    root_.RejectTheRest();
  }

 private:
  std::string Of(std::string_view field) const { return fmt::format("{} of {}", field, set_in_); }

  void CheckKind() {
    if (const auto version = root_.Text("apiVersion"); version != std::string(kConfigurationVersion)) {
      root_.Complain("apiVersion", fmt::format("want {}", kConfigurationVersion));
    }
    if (const auto kind = root_.Text("kind"); kind != std::string(kConfigurationKind)) {
      root_.Complain("kind", fmt::format("want {}", kConfigurationKind));
    }
    root_.Allow({"metadata"});
  }

  void ReadMode(Policy& policy) {
    const auto mode = Scalar(root_, "mode");  // a plain Off is a boolean in YAML 1.1
    if (!mode) return;
    using controller::Mode;
    for (const Mode each : {Mode::kEnforce, Mode::kDryRun, Mode::kOff}) {
      if (*mode != controller::ToString(each)) continue;
      policy.mode = each;
      policy.mode_set_in = Of("mode");
      return;
    }
    root_.Complain("mode", fmt::format("{}: want Enforce, DryRun or Off", *mode));
  }

  void ReadEligibility(Policy& policy) {
    if (const auto trigger = root_.Text("trigger")) {
      policy.trigger = *trigger == "any" ? controller::Trigger::kAny : controller::Trigger::kInsufficientResources;
      if (*trigger != "any" && *trigger != "insufficient-resources") {
        root_.Complain("trigger", fmt::format("{}: want insufficient-resources or any", *trigger));
      }
    }
    if (root_.Get("excludeNamespaces")) {
      policy.exclude_namespaces = root_.Texts("excludeNamespaces");
      policy.exclude_namespaces_set_in = Of("excludeNamespaces");
    }
    if (const auto table = root_.Text("autoScaleEksTable")) {
      policy.auto_scale_eks_table =
          *table == "brief" ? controller::SwitchTable::kBrief : controller::SwitchTable::kCoherent;
      if (*table != "brief" && *table != "coherent") {
        root_.Complain("autoScaleEksTable", fmt::format("{}: want coherent or brief", *table));
      }
    }
  }

  static void ReadTime(Fields& fields, std::string_view key, Duration most, Duration& out) {
    const auto text = fields.Text(key);
    if (!text) return;
    const auto time = base::ParseGoDuration(*text);
    if (!time || *time < Duration(0) || *time > most) {
      return fields.Complain(
          key, fmt::format("{}: want a duration from 0s to {}, as 30s", *text, base::FormatDuration(most)));
    }
    out = *time;
  }

  void ReadTimes(Policy& policy) {
    ReadTime(root_, "pendingGrace", std::chrono::hours(24), policy.pending_grace);
    ReadTime(root_, "virtualGrace", std::chrono::hours(24), policy.virtual_grace);
    ReadTime(root_, "nodeReturnGrace", controller::NodeReturns::kLongest, policy.node_return_grace);
  }

  void ReadRestrictions(Policy& policy) {
    const auto given = root_.Get("restrictions");
    if (!given) return;
    if (given->IsMap()) {
      Fields fields = root_.Inside("restrictions");
      policy.restrictions = ReadRestrictionFields(fields, Of("restrictions"));
      return;
    }
    const auto profile = root_.Text("restrictions");
    auto restrictions = profile ? controller::RestrictionsOf(*profile) : std::nullopt;
    if (!restrictions) return root_.Complain("restrictions", "want tke, eci, none, or the fields of a profile");
    policy.restrictions = std::move(*restrictions);
    if (!policy.restrictions.set_in.empty()) policy.restrictions.set_in = Of("restrictions: " + *profile);
  }

 public:
  static Restrictions ReadRestrictionFields(Fields& fields, std::string set_in) {
    Restrictions restrictions;
    restrictions.set_in = std::move(set_in);
    restrictions.namespaces = fields.Texts("namespaces");
    if (const auto ports = fields.Text("ports")) {
      Restrictions::Ports range;
      char dash = 0;
      std::string rest;
      std::istringstream words(*ports);
      const bool is_range = words >> range.first >> dash >> range.last && dash == '-' && !(words >> rest);
      if (!is_range || range.first < 1 || range.last > 65535 || range.first > range.last) {
        fields.Complain("ports", fmt::format("{}: want a range within 1-65535, as \"61000-65534\"", *ports));
      }
      restrictions.ports = range;
    }
    restrictions.annotations = fields.Texts("annotations");
    for (const std::string& key : restrictions.annotations) {
      if (!kube::KeepsAnnotation(key)) fields.Complain("annotations", key + " is none that Spillway reads");
    }
    restrictions.features = fields.Texts("features");
    for (const std::string& name : restrictions.features) {
      if (!kube::IsFeatureName(name))
        fields.Complain("features", name + " is no feature; docs/capabilities.md lists them");
    }
    restrictions.volumes = fields.Texts("volumes");
    fields.RejectTheRest();
    return restrictions;
  }

 private:
  static std::optional<std::string> Scalar(Fields& fields, std::string_view key) {
    const auto node = fields.Get(key);
    if (!node) return std::nullopt;
    if (node->IsScalar()) return node->Scalar();
    fields.Complain(key, "not a number or text");
    return std::nullopt;
  }

  // Of at least 0; `milli`: in thousandths.
  static std::optional<std::int64_t> Amount(Fields& fields, std::string_view key, bool milli) {
    const auto text = Scalar(fields, key);
    if (!text) return std::nullopt;
    const auto quantity = kube::Quantity::Parse(*text);
    const std::int64_t amount = !quantity ? -1 : milli ? quantity->MilliValue() : quantity->Value();
    if (amount >= 0) return amount;
    fields.Complain(key, fmt::format("{}: want a quantity of at least 0, as 10, 500m or 4Gi", *text));
    return std::nullopt;
  }

  static std::optional<std::int64_t> Money(Fields& fields, std::string_view key) {
    const auto text = Scalar(fields, key);
    if (!text) return std::nullopt;
    const auto micro = kube::ParseMoney(*text);
    if (!micro) fields.Complain(key, fmt::format("{}: want a decimal number of at least 0, as \"12.50\"", *text));
    return micro;
  }

  Limits::Cap ReadCap(Fields& fields, std::string scope) const {
    Limits::Cap cap;
    cap.scope = std::move(scope);
    cap.set_in = Of(fields.path());
    cap.pods = Amount(fields, "pods", false);
    cap.milli_cpu = Amount(fields, "cpu", true);
    cap.memory = Amount(fields, "memory", false);
    cap.micro_money_per_hour = Money(fields, "moneyPerHour");
    fields.RejectTheRest();
    return cap;
  }

  void ReadLimits(Policy& policy) {
    Fields limits = root_.Inside("limits");
    if (limits.Get("cluster")) {
      Fields cluster = limits.Inside("cluster");
      policy.limits.caps.push_back(ReadCap(cluster, ""));
    }
    std::set<std::string> seen;
    limits.ForEach("namespaces", [&](Fields& fields) {
      const std::string name = fields.Text("name").value_or("");
      if (name.empty()) fields.Complain("name", "want a namespace, or * in quotes for each that has no entry");
      if (!seen.insert(name).second) fields.Complain("name", name + " appears twice; remove one");
      policy.limits.caps.push_back(ReadCap(fields, name));
    });
    limits.RejectTheRest();
    root_.ForEach("prices", [&](Fields& fields) {
      Limits::NodePrice price;
      price.nodes = Selector(fields);
      price.price.micro_per_cpu = Money(fields, "cpuHour").value_or(0);
      price.price.micro_per_gib = Money(fields, "gibHour").value_or(0);
      fields.RejectTheRest();
      policy.limits.prices.push_back(std::move(price));
    });
  }

  static kube::LabelSelector Selector(Fields& fields) {
    const std::string text = fields.Text("nodeSelector").value_or("");
    auto selector = kube::ParseSelector(text);
    if (!selector) fields.Complain("nodeSelector", selector.error().message);
    return selector ? std::move(*selector) : kube::LabelSelector();
  }

  void ReadPools(Policy& policy) {
    std::set<std::string> seen;
    std::size_t with_share = 0;
    if (root_.Get("pools")) policy.pools.clear();
    root_.ForEach("pools", [&](Fields& fields) {
      sim::SpreadPool pool;
      pool.name = fields.Text("name").value_or("");
      if (pool.name.empty()) fields.Complain("name", "is missing");
      if (!seen.insert(pool.name).second) fields.Complain("name", pool.name + " appears twice; remove one");
      pool.nodes = Selector(fields);
      pool.most_pods = Amount(fields, "maxPods", false);
      if (const auto share = fields.Int("share")) {
        if (*share < 1 || *share > 1000) fields.Complain("share", "want a whole number from 1 to 1000");
        pool.share = *share;
        ++with_share;
      }
      fields.RejectTheRest();
      policy.pools.push_back(std::move(pool));
    });
    if (with_share != 0 && with_share != policy.pools.size()) {
      root_.Complain("pools", "either all have a share or none has");
    }
  }

  void ReadNodeAutoscaler(Policy& policy) {
    Fields fields = root_.Inside("nodeAutoscaler");
    if (const auto mode = fields.Text("mode")) {
      policy.node_autoscaler =
          *mode == "defer" ? controller::NodeAutoscaler::kDefer : controller::NodeAutoscaler::kIgnore;
      policy.node_autoscaler_set_in = Of("nodeAutoscaler");
      if (*mode != "defer" && *mode != "ignore")
        fields.Complain("mode", fmt::format("{}: want ignore or defer", *mode));
    }
    ReadTime(fields, "deadline", std::chrono::hours(1), policy.node_autoscaler_deadline);
    fields.RejectTheRest();
  }

  Fields& root_;
  std::string set_in_;
};

}  // namespace

Result<Policy> ReadConfiguration(std::string_view yaml, const Policy& flags, const std::string& set_in,
                                 std::string_view file) {
  Mistakes mistakes{std::string(file)};
  Policy policy = flags;
  if (const auto document = OnlyDocument(yaml, mistakes)) {
    Fields root(mistakes, *document, "");
    ConfigurationFields(root, set_in).ReadInto(policy);
  }
  if (mistakes.first()) return Fail(*mistakes.first());
  return policy;
}

Result<Restrictions> RestrictionsFromFlag(const std::string& value) {
  if (auto profile = controller::RestrictionsOf(value)) return std::move(*profile);
  const auto text = base::ReadFile(value);
  if (!text) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--restrictions={}: want tke, eci, none or a file: {}", value, text.error().message));
  }
  Mistakes mistakes{value};
  Restrictions restrictions;
  if (const auto document = OnlyDocument(*text, mistakes)) {
    Fields root(mistakes, *document, "");
    restrictions = ConfigurationFields::ReadRestrictionFields(root, "--restrictions=" + value);
  }
  if (mistakes.first()) return Fail(Error(*mistakes.first()).Annotated("--restrictions"));
  return restrictions;
}

}  // namespace spillway::cmd
