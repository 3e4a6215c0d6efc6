#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spillway::sandbox {

// Why a text is not what Kubernetes calls by that name, in its own words; empty when it is.
//
// Source: apimachinery pkg/api/validate/content, pkg/util/validation/ip.go, v0.36.
std::vector<std::string> WhyNoLabelKey(std::string_view text);  // a "qualified name": example.com/MyName
std::vector<std::string> WhyNoLabelValue(std::string_view text);
std::vector<std::string> WhyNoSubdomain(std::string_view text);
std::vector<std::string> WhyNoLabel(std::string_view text);  // of RFC 1123
std::vector<std::string> WhyNoAddress(const std::string& text);

}  // namespace spillway::sandbox
