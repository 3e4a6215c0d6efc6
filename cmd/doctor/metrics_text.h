#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reading single samples of Prometheus' text format; pure.
namespace spillway::cmd::doctor {

// The value of the sample of this name whose labels contain `label`, such as result="agree"; empty: any labels.
std::optional<double> SampleOf(std::string_view text, std::string_view name, std::string_view label);
// The values of `label` of the samples that have this value.
std::vector<std::string> LabelsWithValue(std::string_view text, std::string_view name, std::string_view label,
                                         double value);

}  // namespace spillway::cmd::doctor
