#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "cloud/market.h"

namespace spillway::cloud::rest {

// Where an instance may go, one zone each.
struct Subnet {
  std::string id;
  std::string zone;  // empty: not told
  bool operator==(const Subnet&) const = default;
};

// Which subnets to try, and in which order: a zone that was out of stock is left out for a while, longer each time in a
// row. Loop thread only.
class ZoneRotation {
 public:
  enum class Strategy : std::uint8_t { kOrdered, kRandom };
  ZoneRotation(std::vector<Subnet> subnets, Strategy strategy) : subnets_(std::move(subnets)), strategy_(strategy) {}

  // Those that are worth a try; when all are out of stock, the one whose pause ends first, since somebody has to find
  // out.
  std::vector<Subnet> Candidates(Instant now, base::Random& random) const;
  void OnOutOfStock(const std::string& subnet_id, Instant now);
  // An instance runs there.
  void OnStock(const std::string& subnet_id);
  // Left out at the moment.
  std::vector<Subnet> OutOfStock(Instant now) const;
  // The same for a Market, with when that was last seen.
  std::vector<Stock> Shortages(Instant now, WallTime wall_now) const;
  const std::vector<Subnet>& subnets() const { return subnets_; }

 private:
  struct Pause {
    Duration length{0};
    Instant until{};
  };
  bool IsPaused(const std::string& id, Instant now) const;

  std::vector<Subnet> subnets_;
  Strategy strategy_;
  std::map<std::string, Pause> pauses_;  // by subnet id
};

}  // namespace spillway::cloud::rest
