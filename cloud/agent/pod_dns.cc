#include "cloud/agent/pod_dns.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::cloud {
namespace {

constexpr std::size_t kLongestHostname = 63;
constexpr std::size_t kLongestNodename = 64;  // the kernel's

std::vector<std::string> Texts(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& each : Items(list)) texts.push_back(Text(each));
  return texts;
}

std::string Hostname(const Json& pod) {
  std::string name = TextAt(pod, "spec", "hostnameOverride");
  if (name.empty()) name = TextAt(pod, "spec", "hostname");
  if (name.empty()) name = TextAt(pod, "metadata", "name");
  name = name.substr(0, kLongestHostname);
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

ResolvConf OfCluster(const std::string& ns, const ClusterDns& dns) {
  ResolvConf conf;
  conf.nameservers = dns.servers;
  conf.searches = {fmt::format("{}.svc.{}", ns, dns.domain), "svc." + dns.domain, dns.domain};
  conf.options = {"ndots:5"};
  return conf;
}

ResolvConf OfPolicy(const Json& pod, const ClusterDns& dns) {
  const std::string policy = TextAt(pod, "spec", "dnsPolicy");
  if (policy == "None") return {};
  if (dns.of_node) return *dns.of_node;
  const bool is_host_network = IsTrue(At(pod, "spec", "hostNetwork"));
  const bool wants_cluster =
      policy == "ClusterFirstWithHostNet" || ((policy == "ClusterFirst" || policy.empty()) && !is_host_network);
  if (wants_cluster && !dns.servers.empty()) return OfCluster(TextAt(pod, "metadata", "namespace"), dns);
  ResolvConf conf;
  conf.base = ResolvConf::Base::kInstance;
  return conf;
}

ResolvConf OfPod(const Json& config) {
  ResolvConf conf;
  conf.nameservers = Texts(At(config, "nameservers"));
  conf.searches = Texts(At(config, "searches"));
  for (const Json& option : Items(At(config, "options"))) {
    const std::string name = TextAt(option, "name");
    const Json& value = At(option, "value");
    conf.options.push_back(value.is_null() ? name : fmt::format("{}:{}", name, Text(value)));
  }
  return conf;
}

}  // namespace

PodNetwork ResolveNetwork(const Json& pod, const ClusterDns& dns, std::vector<InputNotice>& notices) {
  PodNetwork network;
  network.hostname = Hostname(pod);
  const std::string subdomain = TextAt(pod, "spec", "subdomain");
  if (!subdomain.empty() && TextAt(pod, "spec", "hostnameOverride").empty()) {  // which is the whole name
    network.domain = fmt::format("{}.{}.svc.{}", subdomain, TextAt(pod, "metadata", "namespace"), dns.domain);
  }
  network.is_fqdn_hostname = IsTrue(At(pod, "spec", "setHostnameAsFQDN")) && !network.domain.empty();
  network.resolv_conf = OnTopOf(OfPolicy(pod, dns), OfPod(At(pod, "spec", "dnsConfig")));
  std::vector<std::string> cut;
  FitResolvConf(network.resolv_conf, cut);
  for (std::string& note : cut) notices.push_back({"DNSConfigForming", std::move(note)});
  for (const Json& alias : Items(At(pod, "spec", "hostAliases"))) {
    if (IsIpAddress(TextAt(alias, "ip"))) {
      network.host_aliases.push_back({TextAt(alias, "ip"), Texts(At(alias, "hostnames"))});
    }
  }
  return network;
}

std::optional<InputNotice> WhyNoSandbox(const PodNetwork& network) {
  const std::string name = NodenameOf(network);
  if (name.size() <= kLongestNodename) return std::nullopt;
  return InputNotice{kFailedSandbox,
                     fmt::format("Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster "
                                 "domain, FQDN {} is too long ({} characters is the max, {} characters requested)",
                                 name, kLongestNodename, name.size())};
}

}  // namespace spillway::cloud
