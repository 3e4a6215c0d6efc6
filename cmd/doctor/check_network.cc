#include <arpa/inet.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "cmd/doctor/checks.h"
#include "cmd/doctor/words.h"

// What the brief of the resilience chart asks of the network: the cloud's API is reachable, the API server is from the
// cloud's network, and Pods on both sides route to each other. Only the first can be seen from inside the cluster.
namespace spillway::cmd::doctor {
namespace {

using kube::At;
using kube::Json;
using kube::Named;
using kube::TextAt;

constexpr const char* kNetwork = "network";
constexpr std::size_t kMostRanges = 5;

// An address as bytes: 4 or 16.
std::string BytesOf(const std::string& address) {
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return {bytes.data(), 4};
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return {bytes.data(), 16};
  return "";
}

bool Contains(const std::string& cidr, const std::string& address) {
  const std::size_t slash = cidr.find('/');
  const std::string range = BytesOf(cidr.substr(0, slash)), bytes = BytesOf(address);
  std::size_t bits = 0;
  if (slash == std::string::npos || range.empty() || range.size() != bytes.size()) return false;
  std::from_chars(cidr.data() + slash + 1, cidr.data() + cidr.size(), bits);
  for (std::size_t bit = 0; bit < std::min(bits, range.size() * 8); ++bit) {
    const int mask = 0x80 >> (bit % 8);
    if ((range[bit / 8] & mask) != (bytes[bit / 8] & mask)) return false;
  }
  return true;
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || Contains("127.0.0.0/8", host);
}

std::vector<const Json*> CloudNodesOf(const Facts& facts) {
  std::vector<const Json*> nodes = VirtualNodesOf(facts);
  std::erase_if(nodes, [](const Json* node) {
    return !IsCloud(TextAt(*node, "metadata", "annotations", "spillway.io/provider"));
  });
  return nodes;
}

// Whether an agent of this provider says that its cloud answers.
bool AgentsReach(const Facts& facts, const std::string& provider) {
  const std::vector<const Json*> nodes = CloudNodesOf(facts);
  return std::any_of(nodes.begin(), nodes.end(), [&](const Json* node) {
    return TextAt(*node, "metadata", "annotations", "spillway.io/provider") == provider &&
           TextAt(Named(At(*node, "status", "conditions"), "CloudReachable", "type"), "status") == "True";
  });
}

void AddClouds(const Facts& facts, Findings& findings) {
  for (const CloudDial& dial : facts.clouds) {
    if (dial.reached) {
      findings.push_back(
          {Level::kOk, kNetwork, fmt::format("{} of {} answers from here", dial.url, dial.provider), ""});
    } else if (AgentsReach(facts, dial.provider)) {
      findings.push_back(
          {Level::kOk, kNetwork,
           fmt::format("{} of {} does not answer from here, but its agents reach it", dial.url, dial.provider), ""});
    } else {
      findings.push_back(
          {Level::kWarn, kNetwork,
           fmt::format("{} of {} does not answer from here: {}", dial.url, dial.provider, dial.reached.error().message),
           "let the machines that agents run on out to it: DNS, a NAT gateway or proxy, port 443"});
    }
  }
}

// Where Pods of this pool are told that the API server is.
Finding OfApiServer(const Facts& facts, const Component& agent) {
  const std::string pool = agent.name.empty() ? "virtual nodes" : agent.name;
  const std::string host = agent.Flag("pod-kube-apiserver-host", "");
  if (host.empty()) {
    const std::string address =
        facts.kubernetes_service ? TextAt(*facts.kubernetes_service, "spec", "clusterIP") : std::string();
    return {
        Level::kWarn, kNetwork,
        fmt::format("Pods of {} look for the API server at {}, an address of this cluster's own network", pool,
                    address.empty() ? "that of the Service kubernetes" : address),
        "if they use the API, give an address that the cloud's network reaches: virtualNodes.podKubeAPIServer.host"};
  }
  const std::string where = fmt::format("{}:{}", host, agent.Flag("pod-kube-apiserver-port", "443"));
  if (IsLoopback(host)) {
    return {Level::kFail, kNetwork,
            fmt::format("Pods of {} look for the API server at {}, which is they themselves", pool, where),
            "give an address that the cloud's network reaches: virtualNodes.podKubeAPIServer.host"};
  }
  return {Level::kUnknown, kNetwork,
          fmt::format("whether Pods of {} reach the API server at {} cannot be seen from here", pool, where),
          fmt::format("on a machine of that network: curl -k https://{}/readyz", where)};
}

std::vector<std::string> RangesOf(const Facts& facts) {
  std::set<std::string> ranges;
  if (facts.calico_pools) {
    for (const Json& pool : *facts.calico_pools) ranges.insert(TextAt(pool, "spec", "cidr"));
  }
  if (ranges.empty()) {
    for (const Json* node : RealNodesOf(facts)) ranges.insert(TextAt(*node, "spec", "podCIDR"));
  }
  ranges.erase("");
  return {ranges.begin(), ranges.end()};
}

std::string Shown(std::vector<std::string> ranges) {
  const std::size_t count = ranges.size();
  ranges.resize(std::min(count, kMostRanges));
  std::string text = fmt::format("{}", fmt::join(ranges, ", "));
  return count > kMostRanges ? text + fmt::format(" and {} more", count - kMostRanges) : text;
}

// What encapsulates, so that no route leads to a Pod's address; empty: nothing that is known to.
std::string OverlayOf(const Facts& facts) {
  if (facts.calico_pools) {
    for (const Json& pool : *facts.calico_pools) {
      for (const char* mode : {"ipipMode", "vxlanMode"}) {
        const std::string value = TextAt(pool, "spec", mode);
        if (value.empty() || value == "Never") continue;
        return fmt::format("Calico's pool {} has {}: {}", TextAt(pool, "metadata", "name"), mode, value);
      }
    }
  }
  if (!facts.daemon_sets) return "";
  for (const Json& set : *facts.daemon_sets) {
    const std::string name = TextAt(set, "metadata", "name");
    if (name.starts_with("kube-flannel") || name == "weave-net") return "DaemonSet " + name;
  }
  return "";
}

void AddRoutes(const Facts& facts, Findings& findings) {
  const std::vector<std::string> ranges = RangesOf(facts);
  if (facts.virtual_pods) {
    for (const Json& pod : *facts.virtual_pods) {
      const std::string address = TextAt(pod, "status", "podIP");
      const auto range =
          std::find_if(ranges.begin(), ranges.end(), [&](const auto& one) { return Contains(one, address); });
      if (address.empty() || range == ranges.end()) continue;
      findings.push_back(
          {Level::kFail, kNetwork,
           fmt::format("{}/{} has the address {} in the cloud, which is in this cluster's own {}",
                       TextAt(pod, "metadata", "namespace"), TextAt(pod, "metadata", "name"), address, *range),
           "the cloud's subnets and the cluster's Pod CIDR must not overlap: use others for the virtual nodes"});
      return;
    }
  }
  if (const std::string overlay = OverlayOf(facts); !overlay.empty()) {
    findings.push_back(
        {Level::kWarn, kNetwork,
         fmt::format("Pods here have an overlay network ({}): those in the cloud cannot reach them by address",
                     overlay),
         "have them meet at load balancers or node ports, or use an underlay network (Calico over BGP)"});
    return;
  }
  findings.push_back(
      {Level::kUnknown, kNetwork,
       fmt::format("whether the cloud's network has a route to the Pods here ({}) cannot be seen from here",
                   ranges.empty() ? "their CIDR is not known" : Shown(ranges)),
       "have routes to that in the VPC's route table; try: kubectl exec of a Pod on a virtual node, towards a Pod "
       "here"});
}

}  // namespace

Findings CheckNetwork(const Facts& facts) {
  Findings findings;
  std::vector<const Component*> clouds;
  for (const Component& agent : facts.installation.virtual_nodes) {
    if (IsCloud(agent.Flag("provider", ""))) clouds.push_back(&agent);
  }
  if (clouds.empty() && CloudNodesOf(facts).empty()) {
    return {{Level::kOk, kNetwork, "no virtual node of Spillway is in a cloud: nothing is asked of the network", ""}};
  }
  AddClouds(facts, findings);
  for (const Component* agent : clouds) findings.push_back(OfApiServer(facts, *agent));
  AddRoutes(facts, findings);
  return findings;
}

}  // namespace spillway::cmd::doctor
