#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "kube/api/prices.h"

// What instances cost, and what a cloud has to sell. Money is in millionths, see kube/api/prices.h.
namespace spillway::cloud {

// What an instance is billed as while it lives.
struct Bill {
  std::string size;                                 // "cpu=8,memory=16Gi", "ecs.c7.large"; empty: not known
  std::int64_t milli_cpu = 0, memory_bytes = 0;     // 0: it is not sold by the unit
  std::optional<std::int64_t> micro_per_hour = {};  // not known
  bool operator==(const Bill&) const = default;
};
// Of a size that is sold by the unit; no price: nobody knows it.
Bill BillBySize(std::int64_t milli_cpu, std::int64_t memory_bytes, const std::optional<kube::Price>& price);

// What a vCPU and a GiB cost an hour.
struct PriceList {
  kube::Price price;
  std::string currency;  // "CNY"; empty: not told
  std::string source;    // who says so: "DescribeContainerGroupPrice"
  WallTime observed_at{};
  bool operator==(const PriceList&) const = default;
};

// Whether there is something left, where.
struct Stock {
  std::string place;  // a zone, or a subnet
  std::string kind;   // an instance type; empty: whatever was asked for
  std::string
      status;  // the cloud's word, "WithStock"; "OutOfStock": creates failed there, and it is left out for a while
  WallTime observed_at{};
  bool operator==(const Stock&) const = default;
};

// What an account may have, and has.
struct Quota {
  std::string resource;  // "cpu"
  double used = 0, limit = 0;
  WallTime observed_at{};
  bool operator==(const Quota&) const = default;
};

// What is known of it at the moment.
struct Market {
  std::optional<PriceList> prices;
  std::optional<std::vector<Stock>> stock;  // who is not in it has some, or nobody knows; none: the cloud does not tell
  std::vector<Quota> quotas;
  bool operator==(const Market&) const = default;
};

}  // namespace spillway::cloud
