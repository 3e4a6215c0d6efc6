#include "cloud/providers/alibaba/sizes.h"

namespace spillway::cloud::alibaba {

const rest::SizeTable& EciSizes() {
  static const auto* const kSizes = new rest::SizeTable(rest::TableOf("2026-11-22", {{250, {0.5, 1}},
                                                                                     {500, {1, 2}},
                                                                                     {1000, {2, 4, 8}},
                                                                                     {2000, {2, 4, 8, 16}},
                                                                                     {4000, {4, 8, 16, 32}},
                                                                                     {8000, {8, 16, 32, 64}},
                                                                                     {12000, {12, 24, 48, 96}},
                                                                                     {16000, {16, 32, 64, 128}},
                                                                                     {24000, {48, 96, 192}},
                                                                                     {32000, {64, 128, 256}},
                                                                                     {52000, {96, 192, 384}},
                                                                                     {64000, {128, 256, 512}}}));
  return *kSizes;
}

}  // namespace spillway::cloud::alibaba
