#pragma once

#include <memory>
#include <string>
#include <vector>

namespace spillway::base::testing {

// Collects what is logged while it lives, from Info on, also in a process that is Quiet(). One at a time.
class CapturedLog {
 public:
  CapturedLog();
  ~CapturedLog();
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  const std::vector<std::string>& lines() const;

 private:
  class Sink;
  std::unique_ptr<Sink> sink_;
};

}  // namespace spillway::base::testing
