#include "cmd/demo/table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace spillway::cmd {
namespace {

nlohmann::json TableOf(std::vector<std::string> columns, std::vector<std::vector<nlohmann::json>> rows) {
  nlohmann::json table = {{"columnDefinitions", nlohmann::json::array()}, {"rows", nlohmann::json::array()}};
  for (const std::string& column : columns) table["columnDefinitions"].push_back({{"name", column}, {"priority", 1}});
  for (const auto& row : rows) table["rows"].push_back({{"cells", row}});
  return table;
}

TEST(RenderTable, IsWhatKubectlPrints) {
  EXPECT_EQ(RenderTable(TableOf({"Name", "Ready", "Restarts", "Nominated Node"},
                                {{"nginx-1", "1/1", 0, "<none>"}, {"a", "0/1", 12, "<none>"}})),
            "NAME      READY   RESTARTS   NOMINATED NODE\n"
            "nginx-1   1/1     0          <none>\n"
            "a         0/1     12         <none>\n");
}

TEST(RenderTable, NarrowColumnsAreSixWideAndWidthsCountCharacters) {
  EXPECT_EQ(RenderTable(TableOf({"A", "B"}, {{"äöü", "x"}})),
            "A     B\n"
            "äöü   x\n");
}

}  // namespace
}  // namespace spillway::cmd
