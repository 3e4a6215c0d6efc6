#include "cloud/agent/node_dns.h"

#include <fmt/core.h>

#include <utility>

#include "base/log.h"
#include "cloud/agent/pod_dns.h"
#include "cloud/json.h"

namespace spillway::cloud {

NodeDns::NodeDns(Runtime& runtime, kube::EventRecorder& events, std::string node_name)
    : events_(events), node_name_(std::move(node_name)), known_(runtime) {}

void NodeDns::OnNode(const Json& node) {
  std::string text = TextAt(node, "metadata", "annotations", kResolvConfAnnotation);
  const bool is_new = text != text_;
  text_ = std::move(text);
  if (is_new) {
    std::vector<BadLine> bad;
    ResolvConf conf = ParseResolvConf(text_, bad);
    const std::string uid = TextAt(node, "metadata", "uid");
    for (const BadLine& line : bad) {
      Tell(uid, fmt::format("annotation {}, line {} is left out: {}: {}", kResolvConfAnnotation, line.number, line.why,
                            line.text));
    }
    conf_.reset();
    if (!conf.nameservers.empty()) {
      conf_ = std::move(conf);
    } else if (!text_.empty()) {
      Tell(uid, fmt::format("annotation {} names no nameserver and is left out", kResolvConfAnnotation));
    }
  }
  known_.Open();
}

void NodeDns::Tell(const std::string& node_uid, const std::string& note) {
  log::Warning("the node's resolv.conf", {{"node", node_name_}, {"why", note}});
  kube::Event event;
  event.regarding.kind = "Node";
  event.regarding.name = node_name_;
  event.regarding.uid = node_uid;
  event.type = kube::Event::Type::kWarning;
  event.reason = "InvalidResolvConf";
  event.action = "ReadingResolvConf";
  event.note = note;
  events_.Record(std::move(event));
}

}  // namespace spillway::cloud
