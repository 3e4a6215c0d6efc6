#include "sandbox/store/wire_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sandbox/store/quantity_text.h"

namespace spillway::sandbox {
namespace {

Json Through(const char* resource, Json object) {
  EXPECT_EQ(ToWireForm(*FindKind(resource), object), std::nullopt);
  return object;
}

Json PodWith(const char* status) { return {{"status", Json::parse(status)}}; }

TEST(WireForm, TimesAreWholeSecondsInUtc) {
  const Json pod = Through("pods", PodWith(R"({"startTime":"2026-01-01T02:00:00.9+02:00"})"));
  EXPECT_EQ(pod["status"]["startTime"], "2026-01-01T00:00:00Z");
}

TEST(WireForm, WhatIsAlwaysWrittenIsThereAndWhatIsUnknownIsNot) {
  const Json pod = Through("pods", PodWith(R"({"mood":"good","phase":"","containerStatuses":[{"name":"main"}]})"));
  EXPECT_EQ(pod["status"], Json::parse(R"({"containerStatuses":[{"name":"main","state":{},"lastState":{},
      "ready":false,"restartCount":0,"image":"","imageID":""}]})"));
}

TEST(WireForm, APointerToNothingMuchIsKept) {
  const Json pod = Through("pods", PodWith(R"({"containerStatuses":[{"name":"main","started":false}]})"));
  EXPECT_EQ(pod["status"]["containerStatuses"][0]["started"], false);
}

TEST(WireForm, ANodeSaysWhatItIsEvenWhenItSaysNothing) {
  const Json node = Through("nodes", {{"status", {{"capacity", {{"cpu", "1000"}, {"pods", 110}}}}}});
  EXPECT_EQ(node["status"]["capacity"], (Json{{"cpu", "1k"}, {"pods", "110"}}));
  EXPECT_EQ(node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"], 0);
  EXPECT_EQ(node["status"]["nodeInfo"].size(), 10u);
}

TEST(WireForm, WrongTypesAreRefused) {
  for (const char* status :
       {R"({"phase":1})", R"({"conditions":{}})", R"({"containerStatuses":["x"]})", R"({"startTime":"noon"})",
        R"({"startTime":5})", R"({"containerStatuses":[{"ready":"yes"}]})", R"({"allocatedResources":{"cpu":"many"}})",
        R"({"containerStatuses":[{"restartCount":1.5}]})", R"({"hostIPs":[1]})"}) {
    Json pod = PodWith(status);
    EXPECT_NE(ToWireForm(*FindKind("pods"), pod), std::nullopt) << status;
  }
}

TEST(WireForm, ARenewalHasSixDigits) {
  for (const char* time : {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.123456789Z"}) {
    Json lease = {{"spec", {{"renewTime", time}}}};
    EXPECT_NE(ToWireForm(*FindKind("leases"), lease), std::nullopt) << time;
  }
  Json lease = {{"spec", {{"renewTime", "2026-01-01T00:00:00.123456Z"}}}};
  EXPECT_EQ(Through("leases", lease), lease);
}

TEST(CanonicalQuantity, IsWhatTheApiServerWrites) {
  const std::pair<const char*, const char*> cases[] = {
      {"1000", "1k"},     {"0.5", "500m"},   {"1500m", "1500m"}, {"4000m", "4"},
      {"8192Mi", "8Gi"},  {"1024Ki", "1Mi"}, {"1Ki", "1Ki"},     {"1.5Gi", "1536Mi"},
      {"512Ki", "512Ki"}, {"0", "0"},        {"-1", "-1"},       {"128974848", "128974848"},
      {"1e3", "1e3"},     {"3E", "3E"},      {"12e6", "12e6"},   {"0.1Ki", "102400m"}};
  for (const auto& [text, want] : cases) EXPECT_EQ(CanonicalQuantity(text), want) << text;
  EXPECT_EQ(CanonicalQuantity("many"), std::nullopt);
}

}  // namespace
}  // namespace spillway::sandbox
