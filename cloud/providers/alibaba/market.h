#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/json.h"
#include "cloud/market.h"
#include "cloud/providers/alibaba/options.h"
#include "cloud/providers/rest/caller.h"
#include "cloud/providers/rest/sizes.h"

// What ECI tells of prices, stock and quotas; pure.
//
// Source: API ECI 2018-08-08, DescribeContainerGroupPrice, DescribeAvailableResource, ListUsage; read on 2026-12-01.
namespace spillway::cloud::alibaba {

// What a Pod gets that asks for nothing.
inline constexpr rest::InstanceSize kDefaultSize = {2000, std::int64_t{4} << 30};

// Two sizes that differ in memory alone: CPU and memory are sold by the unit, and their prices tell both units'.
inline constexpr rest::InstanceSize kSmallSample = {2000, std::int64_t{4} << 30};
inline constexpr rest::InstanceSize kLargeSample = {2000, std::int64_t{8} << 30};

rest::Parameters PriceParameters(const rest::InstanceSize& size);
rest::Parameters PriceParameters(const std::string& instance_type);
// Where there is some of an instance type. There is no such question for CPU and memory.
rest::Parameters StockParameters(const std::string& instance_type);

// What one costs a second, with the account's discounts; nullopt: the answer does not say.
struct Quote {
  double per_second = 0;
  std::string currency;  // "CNY", "USD"
};
std::optional<Quote> ReadQuote(const Json& answer);
std::int64_t MicroPerHour(const Quote& quote);
// From the quotes for the two samples; nullopt: they make no sense together.
std::optional<kube::Price> UnitPrice(const Quote& small, const Quote& large);

std::vector<Stock> ReadStock(const Json& answer, WallTime now);
// What ListUsage says of vCPUs; nullopt: nothing.
std::optional<Quota> ReadQuota(const Json& answer, WallTime now);

// What was asked for so far.
struct Quotes {
  std::optional<PriceList> prices;
  std::string instance_type;  // the one that has a price
  std::optional<std::int64_t> type_micro_per_hour;
  std::vector<Stock> stock;
  std::optional<Quota> cpu;
};
// The one instance type that all instances get; empty: there is none, or several.
std::string TheInstanceType(const std::string& types);
// What the Pod's group is billed as. Of a spot instance the price is the market's, and not known; of one of several
// instance types not even the size.
Bill BillOf(const Json& pod, const Options& options, const Quotes& quotes);

}  // namespace spillway::cloud::alibaba
