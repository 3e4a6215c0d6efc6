#include "cloud/agent/service_variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ServiceVariables, AsKubeletNamesThem) {
  const Json service = Json::parse(R"({"metadata": {"name": "my-db", "namespace": "ns"}, "spec": {
      "clusterIP": "10.0.0.7", "ports": [{"name": "sql", "port": 5432}, {"name": "dns-x", "port": 53,
      "protocol": "UDP"}]}})");
  EXPECT_THAT(ServiceVariables({ReadService(service)}),
              ElementsAre(Pair("MY_DB_SERVICE_HOST", "10.0.0.7"), Pair("MY_DB_SERVICE_PORT", "5432"),
                          Pair("MY_DB_SERVICE_PORT_SQL", "5432"), Pair("MY_DB_SERVICE_PORT_DNS_X", "53"),
                          Pair("MY_DB_PORT", "tcp://10.0.0.7:5432"), Pair("MY_DB_PORT_5432_TCP", "tcp://10.0.0.7:5432"),
                          Pair("MY_DB_PORT_5432_TCP_PROTO", "tcp"), Pair("MY_DB_PORT_5432_TCP_PORT", "5432"),
                          Pair("MY_DB_PORT_5432_TCP_ADDR", "10.0.0.7"), Pair("MY_DB_PORT_53_UDP", "udp://10.0.0.7:53"),
                          Pair("MY_DB_PORT_53_UDP_PROTO", "udp"), Pair("MY_DB_PORT_53_UDP_PORT", "53"),
                          Pair("MY_DB_PORT_53_UDP_ADDR", "10.0.0.7")));
}

TEST(ServiceVariables, HeadlessServicesHaveNone) {
  EXPECT_THAT(ServiceVariables({{"ns", "headless", "None", {{"http", "TCP", 80}}}, {"ns", "external", "", {}}}),
              IsEmpty());
}

TEST(ServiceVariables, AnIPv6AddressIsBracketed) {
  const auto variables = ServiceVariables({{"ns", "w", "fd00::1", {{"", "TCP", 80}}}});
  EXPECT_EQ(variables[2], (std::pair<std::string, std::string>("W_PORT", "tcp://[fd00::1]:80")));
}

}  // namespace
}  // namespace spillway::cloud
