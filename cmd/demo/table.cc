#include "cmd/demo/table.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace spillway::cmd {
namespace {

constexpr std::size_t kMinimalWidth = 6, kPadding = 3;

std::size_t Width(const std::string& text) {  // in code points
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string CellText(const nlohmann::json& cell) {
  if (cell.is_string()) return cell.get<std::string>();
  return cell.is_null() ? "<none>" : cell.dump();
}

std::vector<std::vector<std::string>> Lines(const nlohmann::json& table) {
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& column : table.at("columnDefinitions")) {
    std::string name = column.at("name").get<std::string>();
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
    lines.front().push_back(std::move(name));
  }
  for (const auto& row : table.at("rows")) {
    std::vector<std::string> line;
    for (const auto& cell : row.at("cells")) line.push_back(CellText(cell));
    line.resize(lines.front().size());
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

std::string RenderTable(const nlohmann::json& table) {
  const std::vector<std::vector<std::string>> lines = Lines(table);
  std::vector<std::size_t> widths(lines.front().size(), kMinimalWidth);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]) + kPadding);
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - Width(line[i]), ' ');
    }
    text += '\n';
  }
  return text;
}

Task<Result<std::string>> FetchTable(kube::Transport& transport, std::string path) {
  kube::Request request;
  request.path = std::move(path);
  request.accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  auto response = co_await transport.Send(std::move(request));
  if (!response) co_return Fail(std::move(response.error()));
  if (response->status != 200) co_return Fail(kube::ToError(*response));
  const nlohmann::json table = nlohmann::json::parse(response->body, nullptr, false);
  if (!table.is_object() || table.value("kind", "") != "Table")
    co_return Fail(Code::kMalformed, "the API server did not answer with a Table");
  co_return RenderTable(table);
}

}  // namespace spillway::cmd
