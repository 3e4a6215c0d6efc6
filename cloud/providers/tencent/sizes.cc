#include "cloud/providers/tencent/sizes.h"

#include <vector>

namespace spillway::cloud::tencent {
namespace {

// "4 - 16", in steps of 1 GiB.
std::vector<double> Each(int first, int last) {
  std::vector<double> all;
  for (int gib = first; gib <= last; ++gib) all.push_back(gib);
  return all;
}

}  // namespace

const rest::SizeTable& EksciSizes() {
  static const auto* const kSizes = new rest::SizeTable(rest::TableOf("2026-11-30", {{250, {0.5, 1, 2}},
                                                                                     {500, Each(1, 4)},
                                                                                     {1000, Each(1, 8)},
                                                                                     {2000, Each(4, 16)},
                                                                                     {4000, Each(8, 32)},
                                                                                     {8000, Each(16, 32)},
                                                                                     {12000, Each(24, 48)},
                                                                                     {16000, Each(32, 64)},
                                                                                     {32000, {64, 128, 256}},
                                                                                     {64000, {128, 192, 256, 512}}}));
  return *kSizes;
}

}  // namespace spillway::cloud::tencent
