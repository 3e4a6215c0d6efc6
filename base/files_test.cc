#include "base/files.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace spillway::base {
namespace {

TEST(ReadFile, GivesAllBytesOrSaysWhyNot) {
  const std::string path = ::testing::TempDir() + "read_file_test";
  const std::string bytes = std::string(100'000, 'x') + std::string("\0\n", 2);
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(ReadFile(path), bytes);
  std::ofstream(path, std::ios::trunc);
  EXPECT_EQ(ReadFile(path), "");
  std::remove(path.c_str());
  EXPECT_EQ(ReadFile(path).error().message, path + ": No such file or directory");
  EXPECT_EQ(ReadFile("/").error().message, "/: Is a directory");
}

}  // namespace
}  // namespace spillway::base
