#include "base/forked_clock.h"

#include <time.h>

namespace spillway::base {

std::int64_t WallNanosInForkedChild() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace spillway::base
