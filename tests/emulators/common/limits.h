#pragma once

#include <map>
#include <string>

#include "base/time.h"

namespace spillway::emulators {

struct Limit {
  double per_second = 1, burst = 1;
};

// What a cloud allows an account, by API.
class Limits {
 public:
  Limits(std::map<std::string, Limit> by_api, Limit other) : by_api_(std::move(by_api)), other_(other) {}
  // False: that is one call too many, and it does not count.
  bool Take(const std::string& api, Instant now);

 private:
  struct Bucket {
    double tokens = 0;
    Instant at{};
  };
  std::map<std::string, Limit> by_api_;
  Limit other_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace spillway::emulators
