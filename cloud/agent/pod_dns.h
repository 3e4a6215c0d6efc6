#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/agent/pod_inputs.h"
#include "cloud/pod_network.h"

namespace spillway::cloud {

// Annotation of the Node: the resolv.conf of its new Pods.
inline constexpr const char* kResolvConfAnnotation = "eks.tke.cloud.tencent.com/resolv-conf";

struct ClusterDns {
  std::vector<std::string> servers;  // none: Pods of dnsPolicy ClusterFirst get what Default gives
  std::string domain = "cluster.local";
  // What the node's annotation says instead of that of dnsPolicy Default and ClusterFirst.
  std::optional<ResolvConf> of_node;
};

// Hostname, hosts and resolver of a Pod; pure. A Pod's own dnsConfig is merged on top, whatever its policy is, and with
// dnsPolicy None there is nothing else.
PodNetwork ResolveNetwork(const Json& pod, const ClusterDns& dns, std::vector<InputNotice>& notices);

// Why no sandbox can be made for it, in kubelet's words; nullopt: it can.
std::optional<InputNotice> WhyNoSandbox(const PodNetwork& network);

}  // namespace spillway::cloud
