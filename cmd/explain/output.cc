#include "cmd/explain/output.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace spillway::cmd {
namespace {

using OrderedJson = nlohmann::ordered_json;

const OrderedJson& At(const OrderedJson& json, const char* key) {
  static const OrderedJson nothing;
  if (!json.is_object()) return nothing;
  const auto found = json.find(key);
  return found == json.end() ? nothing : *found;
}

std::string Text(const OrderedJson& json) {
  if (!json.is_string()) return {};
  std::string text = json.get<std::string>();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}
std::string Text(const OrderedJson& json, const char* key) { return Text(At(json, key)); }

std::uint64_t Number(const OrderedJson& json, const char* key) {
  const OrderedJson& number = At(json, key);
  return number.is_number_unsigned() ? number.get<std::uint64_t>() : 0;
}

bool IsTrue(const OrderedJson& json, const char* key) {
  return At(json, key).is_boolean() && At(json, key).get<bool>();
}

std::vector<std::string> Texts(const OrderedJson& json, const char* key) {
  std::vector<std::string> texts;
  if (!At(json, key).is_array()) return texts;
  for (const OrderedJson& entry : At(json, key)) texts.push_back(Text(entry));
  return texts;
}

std::string Joined(const std::vector<std::string>& texts, std::string_view separator) {
  std::string joined;
  for (const std::string& text : texts) joined += fmt::format("{}{}", joined.empty() ? "" : separator, text);
  return joined;
}

// "a, b and 7 more"
std::string Examples(const OrderedJson& json) {
  const std::vector<std::string> names = Texts(json, "examples");
  const std::uint64_t all = Number(json, "nodes");
  return Joined(names, ", ") + (all > names.size() ? fmt::format(" and {} more", all - names.size()) : "");
}

// "Pod shop/web-7 (Nowhere) fits on no real node."
std::string Headline(const OrderedJson& answer) {
  const std::string pod = fmt::format("Pod {}/{}", Text(answer, "namespace"), Text(answer, "name"));
  const std::string verdict = Text(answer, "verdict");
  if (Text(answer, "state") == "bound") {
    return fmt::format("{} is bound to {} node {}; there is nothing to decide.\n", pod, Text(answer, "nodeRole"),
                       Text(answer, "node"));
  }
  if (Text(answer, "state") == "binding") {
    return fmt::format("{} is being bound to virtual node {}.\n", pod, Text(answer, "node"));
  }
  if (Text(answer, "state") == "ended") return pod + " has ended; there is nothing to decide.\n";
  if (verdict == "Fits") return fmt::format("{} fits: real node {} takes it.\n", pod, Text(answer, "fitsOn"));
  if (verdict == "Undecidable") return fmt::format("{} is left alone: {}.\n", pod, Text(answer, "why"));
  const std::string message = Text(answer, "message");
  return fmt::format("{} fits on none of {} real nodes.{}{}\n", pod, Number(answer, "realNodes"),
                     message.empty() ? "" : " kube-scheduler's words:\n", message);
}

// What a group is about, where its reasons do not say so themselves.
std::string About(const OrderedJson& group) {
  const std::string reasons = Joined(Texts(group, "reasons"), ", ");
  std::vector<std::string> more;
  for (const std::string& about : Texts(group, "about")) {
    if (reasons.find(about) == std::string::npos) more.push_back(about);
  }
  return more.empty() ? reasons : fmt::format("{} ({})", reasons, Joined(more, ", "));
}

// The facts of one node: those of its first failing filter, and what else would keep the Pod out.
std::string Facts(const OrderedJson& node) {
  std::vector<std::string> facts, also;
  if (!At(node, "objections").is_array()) return {};
  std::size_t first = 0;
  for (const OrderedJson& objection : At(node, "objections"))
    first += Text(objection, "filter") == Text(node, "filter");
  for (const OrderedJson& objection : At(node, "objections")) {
    const std::string detail = Text(objection, "detail"), about = Text(objection, "about");
    if (Text(objection, "filter") != Text(node, "filter")) {
      also.push_back(about);
    } else if (!detail.empty()) {
      facts.push_back(first == 1 ? detail : fmt::format("{}: {}", about, detail));
    }
  }
  std::string text = Joined(facts, "; ");
  if (IsTrue(node, "countsNominated"))
    text += text.empty() ? "counting Pods nominated to it" : " (Pods nominated to it counted)";
  if (!also.empty()) text += fmt::format("{}besides: {}", text.empty() ? "" : "; ", Joined(also, ", "));
  return text;
}

std::string GroupText(const OrderedJson& group) {
  const std::uint64_t count = Number(group, "nodes");
  const std::string who =
      fmt::format("{} {}node{}", count, IsTrue(group, "virtual") ? "virtual " : "", count == 1 ? "" : "s");
  const std::string filter = Text(group, "filter");
  if (filter.empty()) return fmt::format("  {:<16}  can take it: {}\n", who, Examples(group));
  std::string text = fmt::format("  {:<16}  {}: {}\n", who, filter, About(group));
  const std::string facts = Facts(At(group, "closest"));
  const std::string names = Examples(group);
  if (count == 1) return text + fmt::format("  {:<16}  {}{}{}\n", "", names, facts.empty() ? "" : ": ", facts);
  text += fmt::format("  {:<16}  {}\n", "", names);
  if (facts.empty()) return text;
  return text + fmt::format("  {:<16}  closest is {}: {}\n", "", Text(At(group, "closest"), "node"), facts);
}

std::string ChangeText(const OrderedJson& change) {
  const std::uint64_t nodes = Number(change, "nodes"), others = Number(change, "others");
  std::string text = fmt::format("  {} {}: {}", nodes == 1 ? "on" : "on one of", Examples(change),
                                 Joined(Texts(change, "steps"), ", and "));
  if (others != 0)
    text += fmt::format(" ({} more node{} the like, or more)", others, others == 1 ? " needs" : "s need");
  return text + "\n";
}

// Nodes that are out, and but for that would do: what the trigger insufficient-resources counts as a shortage.
std::string LostText(const OrderedJson& lost) {
  if (!lost.is_array() || lost.empty()) return {};
  std::string text;
  for (const OrderedJson& outage : lost) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", Number(outage, "nodes"), Text(outage, "are"));
  }
  return fmt::format("\nLost to it for now: {}.\n", text);
}

std::string PlacementText(const OrderedJson& placement) {
  if (!placement.is_object()) return {};
  const std::string node = Text(placement, "node"), why = Text(placement, "why");
  if (node.empty()) return fmt::format("\nNo virtual node takes it: {}\n", why);
  return fmt::format("\nVirtual node {} could take it ({}).\n", node, why);
}

// What the annotations of a bound Pod say.
std::string OverflowText(const OrderedJson& overflow) {
  if (!overflow.is_object()) return {};
  return fmt::format("Spillway put it there at {}: {}. decision={}\n", Text(overflow, "at"), Text(overflow, "why"),
                     Text(overflow, "id"));
}

// What the running controller adds: why the Pod is or is not moved, what was told, and who says so.
std::string ControllerText(const OrderedJson& spillway) {
  if (!spillway.is_object()) return {};
  std::string text;
  if (const std::string why = Text(spillway, "why"); !why.empty()) text += fmt::format("\nSpillway: {}\n", why);
  if (At(spillway, "told").is_array() && !At(spillway, "told").empty()) {
    text += "\nTold, newest first:\n";
    for (const OrderedJson& told : At(spillway, "told")) {
      text += fmt::format("  {}  {}  {}\n", Text(told, "at"), Text(told, "reason"), Text(told, "text"));
    }
  }
  const OrderedJson& scheduler = At(spillway, "kubeScheduler");
  if (const std::string version = Text(scheduler, "version"); version != Text(scheduler, "simulated")) {
    text += fmt::format("\nThe cluster has kube-scheduler {}, of which nothing is known; {} is simulated.\n", version,
                        Text(scheduler, "simulated"));
  }
  if (!IsTrue(spillway, "leads")) {
    const std::string leader = Text(spillway, "leader");
    text += fmt::format("\nAnswered by {}, which does not lead and so decides nothing; {} knows what was decided.\n",
                        Text(spillway, "identity"), leader.empty() ? "the leader" : leader);
  }
  return text;
}

}  // namespace

std::string ExplanationText(const OrderedJson& answer) {
  std::string text = Headline(answer) + OverflowText(At(answer, "overflow"));
  if (At(answer, "groups").is_array() && !At(answer, "groups").empty()) {
    text += '\n';
    for (const OrderedJson& group : At(answer, "groups")) text += GroupText(group);
  }
  text += LostText(At(answer, "lost"));
  if (At(answer, "changes").is_array() && !At(answer, "changes").empty()) {
    text += "\nWhat would let it in, the smallest change first:\n";
    for (const OrderedJson& change : At(answer, "changes")) text += ChangeText(change);
  }
  return text + PlacementText(At(answer, "placement")) + ControllerText(At(answer, "spillway"));
}

}  // namespace spillway::cmd
