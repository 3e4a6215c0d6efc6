#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/provider.h"
#include "cloud/providers/alibaba/options.h"
#include "cloud/providers/rest/caller.h"

namespace spillway::cloud::alibaba {

// The parameters of CreateContainerGroup that make a Pod's instance in one of `vswitch_ids`; pure. Same request, same
// parameters. kInvalidArgument: ECI would refuse it, or could not express it; the message names the field.
//
// Source: API ECI 2018-08-08; the names are those of the vendor's SDK, alibabacloud-eci20180808 2.1.0.
Result<rest::Parameters> CreateParameters(const CreateRequest& request, const Options& options,
                                          const std::vector<std::string>& vswitch_ids);

// "web-7f9c-<uid>": lower case letters, digits and hyphens, at most 64 of them, the whole UID included.
std::string GroupName(const InstanceIdentity& identity);

// Tag.1.Key=..., from `first` on, as filters and creates have them.
void AddTag(rest::Parameters& parameters, int& number, const std::string& key, const std::string& value);

}  // namespace spillway::cloud::alibaba
