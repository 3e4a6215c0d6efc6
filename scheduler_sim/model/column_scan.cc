#include "scheduler_sim/model/column_scan.h"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace spillway::sim {
namespace {

std::int64_t ScanPortably(const std::int64_t* column, std::int64_t wanted, const std::uint64_t* among,
                          std::uint64_t* found, std::size_t words) {
  std::int64_t count = 0;
  for (std::size_t word = 0; word < words; ++word, column += 64) {
    if (among[word] == 0) continue;
    std::uint64_t low = 0;
    for (std::size_t bit = 0; bit < 64; ++bit) low |= static_cast<std::uint64_t>(column[bit] < wanted) << bit;
    low &= among[word];
    found[word] |= low;
    count += std::popcount(low);
  }
  return count;
}

#if defined(__x86_64__)
__attribute__((target("avx2,popcnt"))) std::int64_t ScanWithAvx2(const std::int64_t* column, std::int64_t wanted,
                                                                 const std::uint64_t* among, std::uint64_t* found,
                                                                 std::size_t words) {
  const __m256i limit = _mm256_set1_epi64x(wanted);
  std::int64_t count = 0;
  for (std::size_t word = 0; word < words; ++word, column += 64) {
    if (among[word] == 0) continue;
    std::uint64_t low = 0;
    for (unsigned bit = 0; bit < 64; bit += 4) {
      const __m256i four = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column + bit));
      const int below = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(limit, four)));
      low |= static_cast<std::uint64_t>(static_cast<unsigned>(below)) << bit;
    }
    low &= among[word];
    found[word] |= low;
    count += std::popcount(low);
  }
  return count;
}
#endif

}  // namespace

std::vector<ColumnScan> ColumnScans() {
  std::vector<ColumnScan> scans;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) scans.push_back({"avx2", ScanWithAvx2});
#endif
  scans.push_back({"portable", ScanPortably});
  return scans;
}

std::int64_t CollectShort(const std::vector<std::int64_t>& column, std::int64_t wanted, const NodeSet& among,
                          NodeSet& found) {
  static const ColumnScan best = ColumnScans().front();
  const std::size_t words = std::min(among.words().size(), column.size() / 64);
  if (found.words().size() < words) found.words().resize(words);
  return best.run(column.data(), wanted, among.words().data(), found.words().data(), words);
}

}  // namespace spillway::sim
