#include "kube/api/capabilities.h"

#include <fmt/format.h>

#include <algorithm>

namespace spillway::kube {
namespace {

constexpr std::size_t kShown = 3;  // lacks, in texts

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

// Without blanks around them and without empty ones.
std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (const std::string_view part = Trimmed(text.substr(0, end)); !part.empty()) parts.push_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

const Quantity* AmountOf(const ResourceList& amounts, std::string_view resource) {
  for (const auto& [name, amount] : amounts) {
    if (name == resource) return &amount;
  }
  return nullptr;
}

Result<LargestInstance> ParseInstance(std::string_view text) {
  LargestInstance instance;
  for (const std::string_view pair : Split(text, ',')) {
    const std::size_t equals = pair.find('=');
    const auto amount =
        equals == std::string_view::npos ? std::nullopt : Quantity::Parse(Trimmed(pair.substr(equals + 1)));
    if (!amount || equals == 0 || *amount < Quantity()) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("\"{}\" is not resource=quantity, such as cpu=64 or memory=512Gi", pair));
    }
    const std::string_view resource = Trimmed(pair.substr(0, equals));
    if (AmountOf(instance.amounts, resource) != nullptr) {
      return Fail(Code::kInvalidArgument, fmt::format("it names {} twice in one instance", resource));
    }
    instance.amounts.emplace_back(resource, *amount);
    instance.text += fmt::format("{}{}", instance.text.empty() ? "" : ",", pair);
  }
  std::sort(instance.amounts.begin(), instance.amounts.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return instance;
}

}  // namespace

constinit const std::string_view kForeignNodeCapabilities =
    "activeDeadline,configMap,dnsConfig,downwardAPI,emptyDir,emptyDirMemory,emptyDirSizeLimit,fsGroup,handlerHTTPS,"
    "handlerHeaders,hookExec,hookHTTP,hookTCP,hostAliases,hostname,imageEntrypoint,imagePullSecrets,initContainers,"
    "livenessProbe,nfs,postStart,preStop,probeExec,probeHTTP,probeTCP,projected,readOnlyRootFilesystem,readinessGates,"
    "readinessProbe,runAsGroup,runAsNonRoot,runAsUser,secret,serviceAccountToken,startupProbe,stdin,subPath,subdomain,"
    "terminationGracePeriod,terminationMessageFromLogs,terminationMessagePath,tty";

Capabilities::Capabilities(std::vector<std::string> names) : names_(std::move(names)) {
  std::sort(names_.begin(), names_.end());
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
}

Capabilities Capabilities::Parse(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string_view name : Split(text, ',')) names.emplace_back(name);
  return Capabilities(std::move(names));
}

bool Capabilities::Can(std::string_view feature) const {
  const auto has = [&](std::string_view name) { return std::binary_search(names_.begin(), names_.end(), name); };
  if (has(feature) || has("*")) return true;
  if (const std::size_t slash = feature.find('/'); slash != std::string_view::npos)
    return has(feature.substr(0, slash));
  const std::string qualified = std::string(feature) + "/";
  const auto next = std::lower_bound(names_.begin(), names_.end(), qualified);
  return next != names_.end() && next->starts_with(qualified);
}

std::string Capabilities::Lacking(std::span<const PodFeature> features) const {
  std::string lacking;
  std::size_t count = 0;
  for (const PodFeature& feature : features) {
    if (Can(feature.name)) continue;
    if (++count > kShown) continue;
    lacking += fmt::format("{}{} ({})", lacking.empty() ? "" : ", ", feature.name, feature.field);
  }
  if (count > kShown) lacking += fmt::format(" and {} more", count - kShown);
  return lacking;
}

std::string Capabilities::Text() const { return fmt::format("{}", fmt::join(names_, ",")); }

bool LargestInstance::Fits(const ResourceList& requests) const {
  return std::all_of(requests.begin(), requests.end(), [&](const auto& request) {
    const Quantity* most = AmountOf(amounts, request.first);
    return request.second <= (most == nullptr ? Quantity() : *most);
  });
}

Result<std::vector<LargestInstance>> ParseLargestInstances(std::string_view text) {
  std::vector<LargestInstance> largest;
  for (const std::string_view part : Split(text, ';')) {
    auto instance = ParseInstance(part);
    if (!instance) return Fail(std::move(instance.error()));
    largest.push_back(*std::move(instance));
  }
  return largest;
}

std::string ToText(std::span<const LargestInstance> largest) {
  std::string text;
  for (const LargestInstance& instance : largest) text += (text.empty() ? "" : ";") + instance.text;
  return text;
}

}  // namespace spillway::kube
