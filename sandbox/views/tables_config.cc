#include <fmt/core.h>

#include <map>
#include <string>
#include <utility>

#include "sandbox/views/table_printers.h"

namespace spillway::sandbox {
namespace {

std::int64_t SizeAt(const Json& object, std::string_view path) {
  const Json* found = Find(object, path);
  return found ? static_cast<std::int64_t>(found->size()) : 0;
}

Json ConfigMapCells(const Json& map, WallTime now) {
  return {NameOf(map), SizeAt(map, "data") + SizeAt(map, "binaryData"), AgeOfObject(map, now)};
}

Json SecretCells(const Json& secret, WallTime now) {
  return {NameOf(secret), TextAt(secret, "type"), SizeAt(secret, "data"), AgeOfObject(secret, now)};
}

Json AccountCells(const Json& account, WallTime now) {
  return {NameOf(account), SizeAt(account, "secrets"), AgeOfObject(account, now)};
}

std::string PortsText(const Json& service) {
  std::string text;
  for (const Json& port : ArrayAt(service, "spec.ports")) {
    if (!text.empty()) text += ',';
    text += std::to_string(IntAt(port, "port", 0));
    if (const std::int64_t node_port = IntAt(port, "nodePort", 0); node_port > 0) text += fmt::format(":{}", node_port);
    text += "/" + TextAt(port, "protocol");
  }
  return OrNone(std::move(text));
}

std::string ExternalIp(const Json& service) {
  const std::string type = TextAt(service, "spec.type");
  if (type == "ExternalName") return TextAt(service, "spec.externalName");
  std::string ips;
  const auto add = [&](const std::string& ip) { ips += (ips.empty() ? "" : ",") + ip; };
  for (const Json& ingress : ArrayAt(service, "status.loadBalancer.ingress")) {
    const std::string ip = TextAt(ingress, "ip");
    add(ip.empty() ? TextAt(ingress, "hostname") : ip);
  }
  for (const Json& ip : ArrayAt(service, "spec.externalIPs")) {
    if (ip.is_string()) add(ip.get<std::string>());
  }
  if (ips.empty() && type == "LoadBalancer") return "<pending>";
  return OrNone(std::move(ips));
}

Json ServiceCells(const Json& service, WallTime now) {
  return {
      NameOf(service),    TextAt(service, "spec.type"), OrNone(TextAt(service, "spec.clusterIP")), ExternalIp(service),
      PortsText(service), AgeOfObject(service, now),    LabelsText(Find(service, "spec.selector"))};
}

std::string AccessModes(const Json& object) {
  static const std::map<std::string, std::string, std::less<>> shorts = {
      {"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
  std::string text;
  for (const Json& mode : ArrayAt(object, "spec.accessModes")) {
    const auto known = mode.is_string() ? shorts.find(mode.get<std::string>()) : shorts.end();
    if (known != shorts.end()) text += (text.empty() ? "" : ",") + known->second;
  }
  return text;
}

// A claim that is being deleted says so.
std::string Phase(const Json& object) {
  return Find(object, "metadata.deletionTimestamp") ? "Terminating" : TextAt(object, "status.phase");
}

Json ClaimCells(const Json& claim, WallTime now) {
  const bool bound = !TextAt(claim, "spec.volumeName").empty();
  return {NameOf(claim),
          Phase(claim),
          TextAt(claim, "spec.volumeName"),
          bound ? TextAt(claim, "status.capacity.storage") : "",
          bound ? AccessModes(claim) : "",
          TextAt(claim, "spec.storageClassName"),
          OrUnset(TextAt(claim, "spec.volumeAttributesClassName")),
          AgeOfObject(claim, now),
          TextAt(claim, "spec.volumeMode")};
}

Json VolumeCells(const Json& volume, WallTime now) {
  std::string claim = TextAt(volume, "spec.claimRef.name");
  if (!claim.empty()) claim = TextAt(volume, "spec.claimRef.namespace") + "/" + claim;
  return {NameOf(volume),
          TextAt(volume, "spec.capacity.storage"),
          AccessModes(volume),
          TextAt(volume, "spec.persistentVolumeReclaimPolicy"),
          Phase(volume),
          claim,
          TextAt(volume, "spec.storageClassName"),
          OrUnset(TextAt(volume, "spec.volumeAttributesClassName")),
          TextAt(volume, "status.reason"),
          AgeOfObject(volume, now),
          TextAt(volume, "spec.volumeMode")};
}

Json RoleCells(const Json& role, WallTime) { return {NameOf(role), TextAt(role, "metadata.creationTimestamp")}; }

Json RoleBindingCells(const Json& binding, WallTime now) {
  return {NameOf(binding), fmt::format("{}/{}", TextAt(binding, "roleRef.kind"), TextAt(binding, "roleRef.name")),
          AgeOfObject(binding, now)};
}

}  // namespace

const std::vector<Printer>& ConfigPrinters() {
  constexpr std::string_view kRbac = "rbac.authorization.k8s.io";
  static const std::vector<Printer> printers = {
      {"", "configmaps", {{"Name"}, {"Data"}, {"Age"}}, ConfigMapCells},
      {"", "secrets", {{"Name"}, {"Type"}, {"Data"}, {"Age"}}, SecretCells},
      {"", "serviceaccounts", {{"Name"}, {"Secrets"}, {"Age"}}, AccountCells},
      {"",
       "services",
       {{"Name"}, {"Type"}, {"Cluster-IP"}, {"External-IP"}, {"Port(s)"}, {"Age"}, {"Selector", "string", 1}},
       ServiceCells},
      {"",
       "persistentvolumeclaims",
       {{"Name"},
        {"Status"},
        {"Volume"},
        {"Capacity"},
        {"Access Modes"},
        {"StorageClass"},
        {"VolumeAttributesClass"},
        {"Age"},
        {"VolumeMode", "string", 1}},
       ClaimCells},
      {"",
       "persistentvolumes",
       {{"Name"},
        {"Capacity"},
        {"Access Modes"},
        {"Reclaim Policy"},
        {"Status"},
        {"Claim"},
        {"StorageClass"},
        {"VolumeAttributesClass"},
        {"Reason"},
        {"Age"},
        {"VolumeMode", "string", 1}},
       VolumeCells},
      {kRbac, "roles", {{"Name"}, {"Created At"}}, RoleCells},
      {kRbac, "clusterroles", {{"Name"}, {"Created At"}}, RoleCells},
      {kRbac, "rolebindings", {{"Name"}, {"Role"}, {"Age"}}, RoleBindingCells},
      {kRbac, "clusterrolebindings", {{"Name"}, {"Role"}, {"Age"}}, RoleBindingCells},
  };
  return printers;
}

}  // namespace spillway::sandbox
