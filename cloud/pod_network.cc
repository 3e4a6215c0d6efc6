#include "cloud/pod_network.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace spillway::cloud {
namespace {

constexpr std::size_t kNameservers = 3, kSearches = 32, kSearchCharacters = 2048;
constexpr std::size_t kShownLine = 100;

std::vector<std::string> Fields(std::string_view line) {
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < line.size();) {
    const auto begin = line.find_first_not_of(" \t\r", at);
    if (begin == std::string_view::npos) break;
    const auto end = std::min(line.find_first_of(" \t\r", begin), line.size());
    fields.emplace_back(line.substr(begin, end - begin));
    at = end;
  }
  return fields;
}

std::string_view OptionName(std::string_view option) { return option.substr(0, option.find(':')); }

void AddOnce(std::vector<std::string>& list, const std::vector<std::string>& added) {
  for (const std::string& each : added) {
    if (std::find(list.begin(), list.end(), each) == list.end()) list.push_back(each);
  }
}

void AddOptions(std::vector<std::string>& list, const std::vector<std::string>& added) {
  for (const std::string& option : added) {
    const auto same = std::find_if(list.begin(), list.end(),
                                   [&](const std::string& have) { return OptionName(have) == OptionName(option); });
    if (same == list.end()) {
      list.push_back(option);
    } else {
      *same = option;
    }
  }
}

// Empty: fine.
std::string ReadLine(const std::vector<std::string>& fields, ResolvConf& conf) {
  const std::vector<std::string> values(fields.begin() + 1, fields.end());
  const std::string& keyword = fields.front();
  if (keyword != "nameserver" && keyword != "search" && keyword != "domain" && keyword != "options") {
    return fmt::format("\"{}\" is none of nameserver, search, domain, options", keyword);
  }
  if (values.empty()) return fmt::format("{} without a value", keyword);
  if (keyword == "nameserver") {
    if (!IsIpAddress(values.front())) return fmt::format("\"{}\" is no IP address", values.front());
    AddOnce(conf.nameservers, {values.front()});
  } else if (keyword == "options") {
    AddOptions(conf.options, values);
  } else {
    conf.searches = keyword == "domain" ? std::vector<std::string>{values.front()} : values;
  }
  return "";
}

}  // namespace

bool IsIpAddress(std::string_view text) {
  const std::string address(text.substr(0, text.find('%')));  // a zone may follow
  in6_addr buffer{};
  return ::inet_pton(AF_INET, address.c_str(), &buffer) == 1 || ::inet_pton(AF_INET6, address.c_str(), &buffer) == 1;
}

std::string NodenameOf(const PodNetwork& network) {
  const bool is_fqdn = network.is_fqdn_hostname && !network.domain.empty();
  return is_fqdn ? network.hostname + "." + network.domain : network.hostname;
}

ResolvConf ParseResolvConf(std::string_view text, std::vector<BadLine>& bad) {
  ResolvConf conf;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::vector<std::string> fields = Fields(line);
    if (fields.empty() || fields.front().front() == '#' || fields.front().front() == ';') continue;
    std::string why = ReadLine(fields, conf);
    if (!why.empty()) bad.push_back({number, std::string(line.substr(0, kShownLine)), std::move(why)});
  }
  return conf;
}

ResolvConf OnTopOf(ResolvConf base, const ResolvConf& added) {
  AddOnce(base.nameservers, added.nameservers);
  AddOnce(base.searches, added.searches);
  AddOptions(base.options, added.options);
  return base;
}

void FitResolvConf(ResolvConf& conf, std::vector<std::string>& notes) {
  if (conf.nameservers.size() > kNameservers) {
    conf.nameservers.resize(kNameservers);
    notes.push_back(fmt::format(
        "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {}",
        fmt::join(conf.nameservers, " ")));
  }
  std::size_t kept = 0, characters = 0;
  for (const std::string& search : conf.searches) {
    characters += search.size() + (kept > 0 ? 1 : 0);
    if (kept == kSearches || characters > kSearchCharacters) break;
    ++kept;
  }
  if (kept == conf.searches.size()) return;
  conf.searches.resize(kept);
  notes.push_back(fmt::format(
      "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {}",
      fmt::join(conf.searches, " ")));
}

std::string ResolvConfText(const ResolvConf& conf) {
  std::string text;
  for (const std::string& server : conf.nameservers) text += fmt::format("nameserver {}\n", server);
  if (!conf.searches.empty()) text += fmt::format("search {}\n", fmt::join(conf.searches, " "));
  if (!conf.options.empty()) text += fmt::format("options {}\n", fmt::join(conf.options, " "));
  return text;
}

std::string HostsText(const PodNetwork& network, std::string_view pod_ip) {
  std::string text =
      "# Kubernetes-managed hosts file.\n"
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "fe00::0\tip6-localnet\n"
      "fe00::0\tip6-mcastprefix\n"
      "fe00::1\tip6-allnodes\n"
      "fe00::2\tip6-allrouters\n";
  if (network.domain.empty()) {
    text += fmt::format("{}\t{}\n", pod_ip, network.hostname);
  } else {
    text += fmt::format("{}\t{}.{}\t{}\n", pod_ip, network.hostname, network.domain, network.hostname);
  }
  if (network.host_aliases.empty()) return text;
  text += "\n# Entries added by HostAliases.\n";
  for (const HostAlias& alias : network.host_aliases) {
    text += fmt::format("{}\t{}\n", alias.ip, fmt::join(alias.names, "\t"));
  }
  return text;
}

}  // namespace spillway::cloud
