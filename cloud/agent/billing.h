#pragma once

#include <cstdint>
#include <optional>

#include "cloud/agent/options.h"
#include "cloud/json.h"
#include "cloud/market.h"
#include "cloud/provider.h"

// What the agent tells of money on its Pods and its Node; pure.
namespace spillway::cloud {

// Annotations of a Pod, written with those of client_token.h: what its instance is billed as, and what that cost an
// hour when it was asked for. They are absent where that is not known.
inline constexpr const char* kBilledSize = "spillway.io/billed-size";       // "cpu=8,memory=16Gi"
inline constexpr const char* kPricePerHour = "spillway.io/price-per-hour";  // "0.882144"

// What is known of the cloud's market, with the prices of options in place of the cloud's.
Market MarketOf(const Provider& provider, const AgentOptions& options);
// What an instance of this Pod would be billed as, at these prices.
Bill BillOf(const Provider& provider, const AgentOptions& options, const Json& pod);

// A patch of metadata.annotations; null takes away what a copied manifest brought.
Json BillAnnotations(const Bill& bill);
// The price that is noted on the Pod, for this very Pod.
std::optional<std::int64_t> NotedPrice(const Json& pod);

// Annotations of a Node, besides those of kube/api/prices.h.
inline constexpr const char* kPriceSource =
    "spillway.io/price-source";                             // {"source":...,"currency":...,"observedAt":...}
inline constexpr const char* kStock = "spillway.io/stock";  // [{"place":...,"kind":...,"status":...,"observedAt":...}]
inline constexpr const char* kQuota = "spillway.io/quota";  // {"cpu":{"used":16.5,"limit":1000,"observedAt":...}}
// A patch of them for a Node whose annotations are `current`: what is not known is not told, and what flags that are no
// more had said is taken back.
Json MarketAnnotations(const Market& market, const Json& current);

}  // namespace spillway::cloud
