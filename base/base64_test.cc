#include "base/base64.h"

#include <gtest/gtest.h>

namespace spillway::base {
namespace {

TEST(Base64, RoundTripsAndRefuses) {
  for (const std::string& bytes :
       {std::string(), std::string("f"), std::string("fo"), std::string("foo"), std::string("\0\xff\x80z", 4)}) {
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)), bytes);
  }
  EXPECT_EQ(EncodeBase64("fo"), "Zm8=");
  EXPECT_EQ(DecodeBase64("Zm9v\nYmFy"), "foobar");
  for (const char* bad : {"Z", "Zm8", "Z===", "=m8=", "aG=sbG8=", "Zm8=Zm8=", "Zm$v"}) {
    EXPECT_FALSE(DecodeBase64(bad)) << bad;
  }
}

}  // namespace
}  // namespace spillway::base
