#pragma once

#include "cloud/providers/alibaba/options.h"
#include "cloud/providers/rest/caller.h"
#include "kube/api/capabilities.h"

// What ECI is, as far as it can be said in tables and pure functions.
namespace spillway::cloud::alibaba {

// What it can run, by the names of docs/capabilities.md.
kube::Capabilities EciFeatures();

// Its rate limits per account and region, `share` of them; documented, those by the minute as rates.
rest::CallerOptions EciLimits(double share);

// How it speaks: signatures in, failures out.
rest::Dialect EciDialect(const Options& options);

}  // namespace spillway::cloud::alibaba
