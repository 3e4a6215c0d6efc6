#include "scheduler_sim/model/arena.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace spillway::sim {
namespace {

constexpr std::size_t kUnit = 8;
constexpr std::size_t kSmallestChunk = 512, kLargestChunk = 64 << 10;
constexpr std::size_t kLongest = 4 << 10;  // longer texts are heap blocks of their own

std::size_t UnitsOf(std::size_t size) { return (size + kUnit - 1) / kUnit; }

}  // namespace

const char* Arena::Keep(std::string_view text) {
  if (text.empty()) return nullptr;
  char* bytes = text.size() > kLongest ? AllocateAlone(text.size()) : Allocate(UnitsOf(text.size()));
  std::memcpy(bytes, text.data(), text.size());
  return bytes;
}

char* Arena::AllocateAlone(std::size_t size) {
  std::unique_ptr<char[]> block = std::make_unique_for_overwrite<char[]>(size);
  char* bytes = block.get();
  alone_.emplace(bytes, std::move(block));
  return bytes;
}

char* Arena::Allocate(std::size_t units) {
  if (units < free_.size() && free_[units] != nullptr) {
    Free* reused = free_[units];
    free_[units] = reused->next;
    return reinterpret_cast<char*>(reused);
  }
  const std::size_t size = units * kUnit;
  if (left_ < size) {
    chunk_ = std::max(size, std::min(kLargestChunk, kSmallestChunk << std::min<std::size_t>(chunks_.size(), 16)));
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_));
    left_ = chunk_;
  }
  char* bytes = chunks_.back().get() + (chunk_ - left_);
  left_ -= size;
  return bytes;
}

void Arena::Drop(std::string_view text) {
  if (text.empty()) return;
  if (text.size() > kLongest) {
    alone_.erase(text.data());
    return;
  }
  const std::size_t units = UnitsOf(text.size());
  if (units >= free_.size()) free_.resize(units + 1, nullptr);
  free_[units] = new (const_cast<char*>(text.data())) Free{free_[units]};
}

}  // namespace spillway::sim
