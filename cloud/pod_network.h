#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// How a Pod is called and how it finds others: hostname, /etc/hosts, /etc/resolv.conf; pure.
//
// Source: kubelet network/dns/dns.go, kubelet_pods.go GeneratePodHostNameAndDomain and ensureHostsFile, v1.33 to v1.36.
namespace spillway::cloud {

struct ResolvConf {
  enum class Base : std::uint8_t {
    kNothing,   // this is all of it
    kInstance,  // what instances have by themselves comes first: see OnTopOf()
  };
  Base base = Base::kNothing;
  std::vector<std::string> nameservers, searches, options;  // options as "ndots:5"
  bool operator==(const ResolvConf&) const = default;
};

struct HostAlias {
  std::string ip;
  std::vector<std::string> names;
  bool operator==(const HostAlias&) const = default;
};

struct PodNetwork {
  std::string hostname;           // at most 63 characters
  std::string domain;             // "sub.ns.svc.cluster.local" of a Pod with subdomain; else empty
  bool is_fqdn_hostname = false;  // setHostnameAsFQDN
  ResolvConf resolv_conf;
  std::vector<HostAlias> host_aliases;
  bool operator==(const PodNetwork&) const = default;
};

// What its kernel calls the Pod, and so HOSTNAME: with the domain where it asks for that (setHostnameAsFQDN).
std::string NodenameOf(const PodNetwork& network);

// A line of a resolv.conf that says nothing to us, and why.
struct BadLine {
  int number = 0;  // from 1
  std::string text, why;
};
// What `text`, the content of a resolv.conf, says; lines of which nothing can be made are in `bad`. As with the C
// library the last search or domain wins. Comments begin with # or ;.
ResolvConf ParseResolvConf(std::string_view text, std::vector<BadLine>& bad);

// `added` merged over `base`, as a Pod's dnsConfig over what its dnsPolicy gives: names each once, options by name.
ResolvConf OnTopOf(ResolvConf base, const ResolvConf& added);

// Cuts to what the C library reads: 3 nameservers, 32 searches, 2048 characters of them. What was left out is told in
// kubelet's words, in `notes`.
void FitResolvConf(ResolvConf& conf, std::vector<std::string>& notes);

// The file.
std::string ResolvConfText(const ResolvConf& conf);
// /etc/hosts of a Pod with this address.
std::string HostsText(const PodNetwork& network, std::string_view pod_ip);

bool IsIpAddress(std::string_view text);

}  // namespace spillway::cloud
