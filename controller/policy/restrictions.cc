#include "controller/policy/restrictions.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace spillway::controller {
namespace {

using Why = std::optional<std::string>;
using Ports = Restrictions::Ports;

constexpr std::string_view kLocalPortRange = "net.ipv4.ip_local_port_range";

bool IsAmong(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// The whole numbers in a text: of "32768 60999", or with a tab or a comma between.
std::vector<std::int64_t> NumbersIn(std::string_view text) {
  std::vector<std::int64_t> numbers;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc()) numbers.push_back(number);
    text.remove_prefix(error == std::errc() ? static_cast<std::size_t>(stop - text.data()) : 1);
  }
  return numbers;
}

Why WhyPort(const kube::PodValue& value, const Ports& ports) {
  if (value.field.find(".lifecycle.") != std::string::npos) return std::nullopt;
  const std::vector<std::int64_t> numbers = NumbersIn(value.value);  // none: a port by name, which is listed itself
  if (numbers.size() != 1 || numbers[0] < ports.first || numbers[0] > ports.last) return std::nullopt;
  return fmt::format("{} is {}, and {}-{} are not to be used", value.field, value.value, ports.first, ports.last);
}

// The value of the sysctl that `name` names; it follows, or went before.
const kube::PodValue* ValueOf(const kube::Pod& pod, const kube::PodValue& name) {
  const std::string field = name.field.substr(0, name.field.rfind('.')) + ".value";
  const auto found =
      std::find_if(pod.values.begin(), pod.values.end(), [&](const auto& value) { return value.field == field; });
  return found == pod.values.end() ? nullptr : &*found;
}

Why WhyLocalPorts(const kube::Pod& pod, const kube::PodValue& name, const Ports& ports) {
  const kube::PodValue* value = ValueOf(pod, name);
  if (name.value != kLocalPortRange || value == nullptr) return std::nullopt;
  const std::vector<std::int64_t> range = NumbersIn(value->value);
  const bool apart = range.size() == 2 && (range[1] < ports.first || range[0] > ports.last);
  if (apart) return std::nullopt;
  return fmt::format("{} ({}) is \"{}\", and {}-{} are not to be touched", value->field, kLocalPortRange, value->value,
                     ports.first, ports.last);
}

Why WhyValues(const kube::Pod& pod, const Ports& ports) {
  for (const kube::PodValue& value : pod.values) {
    const bool is_sysctl = value.field.find(".sysctls[") != std::string::npos;
    const bool is_name = is_sysctl && value.field.ends_with(".name");
    if (is_sysctl && !is_name) continue;
    if (Why why = is_name ? WhyLocalPorts(pod, value, ports) : WhyPort(value, ports)) return why;
  }
  return std::nullopt;
}

Why WhyAnnotated(const kube::Pod& pod, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    const std::string* value = kube::Find(pod.metadata.annotations, key);
    if (value != nullptr) return fmt::format("metadata.annotations[{}] is \"{}\", and may not be set", key, *value);
  }
  return std::nullopt;
}

Why WhyFeature(const kube::Pod& pod, const std::vector<std::string>& features) {
  for (const kube::PodFeature& feature : pod.features) {
    if (IsAmong(features, feature.name)) {
      return fmt::format("{} asks for {}, which is not to be asked for", feature.field, feature.name);
    }
  }
  return std::nullopt;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Why WhyVolume(std::span<const sim::ClaimedVolume> volumes, const std::vector<std::string>& allowed) {
  if (allowed.empty()) return std::nullopt;
  for (const sim::ClaimedVolume& volume : volumes) {
    if (volume.source.empty() || IsAmong(allowed, volume.source)) continue;
    return fmt::format("its claim {} leads to a PersistentVolume of {}, and only {} may be used", volume.claim,
                       volume.source, Joined(allowed));
  }
  return std::nullopt;
}

Restrictions Tke() {
  Restrictions tke;
  tke.namespaces = {"kube-system", "tke-eni-ip-webhook"};
  tke.ports = Ports{61000, 65534};
  tke.annotations = {"tke.cloud.tencent.com/vpc-ip-claim-delete-policy", "eks.tke.cloud.tencent.com/static-ip"};
  tke.volumes = {"nfs", "cephfs", "hostPath", "qcloudCbs", "com.tencent.cloud.csi.cbs"};
  return tke;
}

Restrictions Eci() {
  Restrictions eci;
  eci.namespaces = {"kube-system"};
  eci.features = {"hostNetwork", "hostPID", "hostIPC", "hostPath", "privileged"};
  return eci;
}

}  // namespace

std::optional<Restrictions> RestrictionsOf(std::string_view profile) {
  Restrictions restrictions;
  if (profile == "none") return restrictions;
  if (profile == "tke") {
    restrictions = Tke();
  } else if (profile == "eci") {
    restrictions = Eci();
  } else {
    return std::nullopt;
  }
  restrictions.set_in = fmt::format("--restrictions={}", profile);
  return restrictions;
}

Why WhyRestricted(const kube::Pod& pod, std::span<const sim::ClaimedVolume> volumes, const Restrictions& restrictions) {
  if (restrictions.set_in.empty()) return std::nullopt;
  Why why;
  if (IsAmong(restrictions.namespaces, pod.metadata.ns)) {
    why = fmt::format("metadata.namespace is {}, whose Pods are not to run there", pod.metadata.ns);
  }
  if (!why && restrictions.ports) why = WhyValues(pod, *restrictions.ports);
  if (!why) why = WhyAnnotated(pod, restrictions.annotations);
  if (!why) why = WhyFeature(pod, restrictions.features);
  if (!why) why = WhyVolume(volumes, restrictions.volumes);
  if (why) *why += fmt::format(" ({})", restrictions.set_in);
  return why;
}

}  // namespace spillway::controller
