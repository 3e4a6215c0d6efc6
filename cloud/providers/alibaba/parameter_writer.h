#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "base/result.h"
#include "cloud/providers/rest/caller.h"
#include "cloud/providers/rest/pod_fields.h"

namespace spillway::cloud::alibaba {

using rest::Inexpressible;
using rest::kGiB;

// Writes parameters under one prefix: "Container.1.Name". Lists count from 1.
class ParameterWriter {
 public:
  ParameterWriter(rest::Parameters& into, std::string prefix) : into_(into), prefix_(std::move(prefix)) {}

  ParameterWriter In(const std::string& name) const { return {into_, Name(name) + "."}; }
  ParameterWriter In(const std::string& name, std::size_t number) const {
    return {into_, fmt::format("{}.{}.", Name(name), number)};
  }

  void Set(const std::string& name, std::string value) const { into_.emplace_back(Name(name), std::move(value)); }
  void SetUnlessEmpty(const std::string& name, std::string value) const {
    if (!value.empty()) Set(name, std::move(value));
  }
  void SetInteger(const std::string& name, std::int64_t value) const { Set(name, fmt::format("{}", value)); }
  void SetBool(const std::string& name, bool value) const { Set(name, value ? "true" : "false"); }
  // As the vendor's SDK writes floats: "2.0", "0.25".
  void SetFloat(const std::string& name, double value) const {
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    Set(name, std::move(text));
  }

 private:
  std::string Name(const std::string& name) const { return prefix_ + name; }

  rest::Parameters& into_;
  std::string prefix_;
};

}  // namespace spillway::cloud::alibaba
