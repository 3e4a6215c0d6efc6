#include "cloud/providers/tencent/instance_name.h"

#include <fmt/core.h>

#include <algorithm>

#include "cloud/json.h"
#include "cloud/providers/rest/digest.h"
#include "cloud/providers/rest/pod_fields.h"
#include "cloud/providers/tencent/options.h"

namespace spillway::cloud::tencent {
namespace {

constexpr std::string_view kPrefix = "sw";
constexpr std::size_t kClusterDigits = 8, kNodeDigits = 6, kTokenDigits = 6;
constexpr std::size_t kUidAt = kPrefix.size() + kClusterDigits + kNodeDigits + kTokenDigits + 1;

std::string Mark(std::string_view text, std::size_t digits) { return rest::Hex(rest::Sha256(text)).substr(0, digits); }

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string ClusterMark(std::string_view cluster_id) { return Mark(cluster_id, kClusterDigits); }
std::string NodeMark(std::string_view node_name) { return Mark(node_name, kNodeDigits); }

Result<std::string> InstanceName(const InstanceIdentity& identity, std::string_view client_token) {
  const std::string& uid = identity.pod_uid;
  if (uid.empty() || uid.size() > kMaxName - kUidAt || rest::NamePart(uid) != uid || uid.ends_with('-')) {
    return Fail(Code::kInvalidArgument,
                fmt::format("the Pod's UID does not fit into the name of an instance: {}", uid.substr(0, kMaxName)));
  }
  return fmt::format("{}{}{}{}-{}", kPrefix, ClusterMark(identity.cluster_id), NodeMark(identity.node_name),
                     Mark(client_token, kTokenDigits), uid);
}

std::optional<NameParts> ReadName(std::string_view name) {
  if (name.size() <= kUidAt || !name.starts_with(kPrefix) || name[kUidAt - 1] != '-') return std::nullopt;
  const std::string_view marks = name.substr(kPrefix.size(), kUidAt - 1 - kPrefix.size());
  if (!IsHex(marks)) return std::nullopt;
  return NameParts{std::string(marks.substr(0, kClusterDigits)), std::string(marks.substr(kClusterDigits, kNodeDigits)),
                   std::string(marks.substr(kClusterDigits + kNodeDigits)), std::string(name.substr(kUidAt))};
}

std::string WriteNote(const InstanceNote& note) {
  const InstanceIdentity& identity = note.identity;
  const Json json = {{"cluster", identity.cluster_id},      {"node", identity.node_name}, {"uid", identity.pod_uid},
                     {"namespace", identity.pod_namespace}, {"pod", identity.pod_name},   {"digest", note.digest}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool Agree(const InstanceIdentity& identity, const NameParts& name) {
  return identity.pod_uid == name.uid && ClusterMark(identity.cluster_id) == name.cluster &&
         NodeMark(identity.node_name) == name.node;
}

std::optional<InstanceNote> ReadNote(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  InstanceNote note;
  note.identity = {TextAt(json, "cluster"), TextAt(json, "node"), TextAt(json, "uid"), TextAt(json, "namespace"),
                   TextAt(json, "pod")};
  note.digest = TextAt(json, "digest");
  return note;
}

}  // namespace spillway::cloud::tencent
