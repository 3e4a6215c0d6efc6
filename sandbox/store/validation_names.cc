#include "sandbox/store/validation_names.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>

namespace spillway::sandbox {
namespace {

constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestSubdomain = 253;

constexpr std::string_view kSubdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view kLabelRule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kKeyRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
constexpr std::string_view kValueRule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlnum(char c) { return IsLowerAlnum(c) || (c >= 'A' && c <= 'Z'); }

bool IsDnsPart(std::string_view part) {
  return !part.empty() && IsLowerAlnum(part.front()) && IsLowerAlnum(part.back()) &&
         std::all_of(part.begin(), part.end(), [](char c) { return IsLowerAlnum(c) || c == '-'; });
}

bool IsName(std::string_view text) {
  return !text.empty() && IsAlnum(text.front()) && IsAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; });
}

std::string TooLong(std::size_t most) { return fmt::format("must be no more than {} bytes", most); }

// As Go's ParseIPSloppy: zeros in front are read over.
std::string WithoutLeadingZeros(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_first = i == 0 || text[i - 1] == '.';
    const bool leads = text[i] == '0' && (is_first || (!plain.empty() && plain.back() == '.') || plain.empty()) &&
                       i + 1 < text.size() && text[i + 1] != '.';
    if (!leads) plain += text[i];
  }
  return plain;
}

bool IsIp(const std::string& text) {
  in6_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1 || inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace

std::vector<std::string> WhyNoSubdomain(std::string_view text) {
  std::vector<std::string> why;
  if (text.size() > kLongestSubdomain) why.push_back(TooLong(kLongestSubdomain));
  for (std::string_view rest = text;;) {
    const std::size_t dot = rest.find('.');
    if (!IsDnsPart(rest.substr(0, dot))) {
      why.emplace_back(kSubdomainRule);
      return why;
    }
    if (dot == std::string_view::npos) return why;
    rest.remove_prefix(dot + 1);
  }
}

std::vector<std::string> WhyNoLabel(std::string_view text) {
  std::vector<std::string> why;
  if (text.size() > kLongestLabel) why.push_back(TooLong(kLongestLabel));
  if (!IsDnsPart(text)) why.emplace_back(kLabelRule);
  return why;
}

std::vector<std::string> WhyNoLabelKey(std::string_view text) {
  std::vector<std::string> why;
  const std::size_t slash = text.find('/');
  std::string_view name = text;
  if (slash != std::string_view::npos) {
    const std::string_view prefix = text.substr(0, slash);
    name.remove_prefix(slash + 1);
    if (name.find('/') != std::string_view::npos) {
      return {
          fmt::format("a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. "
                      "'example.com/MyName')",
                      kKeyRule)};
    }
    if (prefix.empty()) why.emplace_back("prefix part must be non-empty");
    if (!prefix.empty()) {
      for (const std::string& each : WhyNoSubdomain(prefix)) why.push_back("prefix part " + each);
    }
  }
  if (name.empty()) {
    why.emplace_back("name part must be non-empty");
  } else if (name.size() > kLongestLabel) {
    why.push_back("name part " + TooLong(kLongestLabel));
  }
  if (!IsName(name)) why.push_back(fmt::format("name part {}", kKeyRule));
  return why;
}

std::vector<std::string> WhyNoLabelValue(std::string_view text) {
  std::vector<std::string> why;
  if (text.size() > kLongestLabel) why.push_back(TooLong(kLongestLabel));
  if (!text.empty() && !IsName(text)) why.emplace_back(kValueRule);
  return why;
}

std::vector<std::string> WhyNoAddress(const std::string& text) {
  if (!IsIp(WithoutLeadingZeros(text))) return {"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"};
  if (!IsIp(text)) return {"must not have leading 0s"};
  if (text.find(':') != std::string::npos && text.find('.') != std::string::npos) {
    return {"must not be an IPv4-mapped IPv6 address"};
  }
  return {};
}

}  // namespace spillway::sandbox
