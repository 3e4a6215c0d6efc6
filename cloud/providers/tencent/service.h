#pragma once

#include "cloud/providers/rest/caller.h"
#include "cloud/providers/tencent/options.h"
#include "kube/api/capabilities.h"

// What EKSCI is, as far as it can be said in tables and pure functions.
namespace spillway::cloud::tencent {

inline constexpr const char* kServiceName = "tke";
inline constexpr const char* kApiVersion = "2018-05-25";

// What it can run, by the names of docs/capabilities.md. Without readinessProbe: EKSCI probes, and tells nobody.
kube::Capabilities EksciFeatures();

// Its rate limits per account, `share` of them.
rest::CallerOptions EksciLimits(double share);

// How it speaks: signatures in, failures out.
rest::Dialect EksciDialect(const Options& options);

}  // namespace spillway::cloud::tencent
