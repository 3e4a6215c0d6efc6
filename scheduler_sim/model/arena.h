#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace spillway::sim {

// Many short texts that come and go, without a heap block and its header for each. Memory is handed back when the arena
// goes; until then a text that was dropped makes room for others of its size. Owners copy texts one by one.
class Arena {
 public:
  Arena() = default;
  Arena(Arena&&) noexcept = default;
  Arena& operator=(Arena&&) noexcept = default;

  // Lives until Drop(); the empty text has no address.
  const char* Keep(std::string_view text);
  // Precondition: Keep() gave `text`.
  void Drop(std::string_view text);

 private:
  struct Free {
    Free* next;
  };

  char* Allocate(std::size_t units);
  char* AllocateAlone(std::size_t size);

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_ = 0, left_ = 0;  // size of the last chunk, and what is left at its end
  std::vector<Free*> free_;           // by size, in units
  std::unordered_map<const char*, std::unique_ptr<char[]>> alone_;
};

}  // namespace spillway::sim
