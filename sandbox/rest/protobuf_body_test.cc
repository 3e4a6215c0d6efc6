#include "sandbox/rest/protobuf_body.h"

#include <gtest/gtest.h>

#include <string>

namespace spillway::sandbox {
namespace {

std::string Varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string Bytes(unsigned field, const std::string& value) {
  return Varint(field << 3 | 2) + Varint(value.size()) + value;
}
std::string VarintField(unsigned field, std::uint64_t value) { return Varint(field << 3) + Varint(value); }

std::string Wrapped(const std::string& api_version, const std::string& kind, const std::string& raw) {
  return std::string("k8s\0", 4) + Bytes(1, Bytes(1, api_version) + Bytes(2, kind)) + Bytes(2, raw);
}

TEST(DecodeProtobuf, ReadsWhatKubectlCreateSends) {
  const std::string metadata =
      Bytes(1, "web") + Bytes(2, "") + Bytes(8, "") + Bytes(11, Bytes(1, "app") + Bytes(2, "web"));
  const std::string limits = Bytes(1, Bytes(1, "cpu") + Bytes(2, Bytes(1, "2")));
  const std::string container =
      Bytes(1, "nginx") + Bytes(2, "nginx:1") + Bytes(3, "a") + Bytes(3, "b") + Bytes(8, limits);
  const std::string pod = Bytes(1, metadata) + Bytes(2, Bytes(2, container));
  const std::string spec = VarintField(1, 0) + Bytes(3, pod) + VarintField(5, 0);
  const auto decoded =
      DecodeProtobuf(Wrapped("apps/v1", "Deployment", Bytes(1, metadata) + Bytes(2, spec) + Bytes(3, "x")));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  const Json want_metadata = {{"name", "web"}, {"labels", {{"app", "web"}}}};
  const Json want_container = {
      {"name", "nginx"}, {"image", "nginx:1"}, {"command", {"a", "b"}}, {"resources", {{"limits", {{"cpu", "2"}}}}}};
  EXPECT_EQ(
      *decoded,
      (Json{
          {"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", want_metadata},
          {"spec",
           {{"replicas", 0},  // a pointer upstream: 0 is said, not left out
            {"template", {{"metadata", want_metadata}, {"spec", {{"containers", Json::array({want_container})}}}}}}}}));
}

TEST(DecodeProtobuf, IntOrStringBytesAndNegativeNumbers) {
  const auto budget = DecodeProtobuf(
      Wrapped("policy/v1", "PodDisruptionBudget", Bytes(2, Bytes(1, VarintField(1, 1) + Bytes(3, "50%")))));
  EXPECT_EQ((*budget)["spec"]["minAvailable"], "50%");
  const auto number = DecodeProtobuf(
      Wrapped("policy/v1", "PodDisruptionBudget", Bytes(2, Bytes(3, VarintField(1, 0) + VarintField(2, 1)))));
  EXPECT_EQ((*number)["spec"]["maxUnavailable"], 1);
  const auto secret = DecodeProtobuf(Wrapped("v1", "Secret", Bytes(2, Bytes(1, "k") + Bytes(2, "hello"))));
  EXPECT_EQ((*secret)["data"]["k"], "aGVsbG8=");
  const auto low =
      DecodeProtobuf(Wrapped("scheduling.k8s.io/v1", "PriorityClass", VarintField(2, static_cast<std::uint64_t>(-5))));
  EXPECT_EQ((*low)["value"], -5);
}

TEST(DecodeProtobuf, RefusesWhatItWouldOnlyHalfUnderstand) {
  EXPECT_EQ(DecodeProtobuf(Wrapped("v1", "Widget", "")).error().code, 415);
  EXPECT_EQ(DecodeProtobuf(Wrapped("v1", "ConfigMap", Bytes(99, "x"))).error().code, 415);
}

TEST(DecodeProtobuf, SurvivesAnyCutAndAnyFlippedByte) {
  const std::string metadata = Bytes(1, "web") + Bytes(11, Bytes(1, "app") + Bytes(2, "web"));
  const std::string whole = Wrapped("v1", "ConfigMap", Bytes(1, metadata) + Bytes(2, Bytes(1, "k") + Bytes(2, "v")));
  EXPECT_TRUE(DecodeProtobuf(whole).has_value());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    (void)DecodeProtobuf(whole.substr(0, i));
    for (const char flip : {'\x01', '\x40', '\xff'}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      (void)DecodeProtobuf(changed);
    }
  }
}

}  // namespace
}  // namespace spillway::sandbox
