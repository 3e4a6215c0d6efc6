#include "metrics/serving.h"

#include <dirent.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace spillway::metrics {
namespace {

Task<net::ServerResponse> Answered(net::ServerResponse response) { co_return response; }

net::ServerResponse Scrape(Registry& registry, const net::ServerRequest& request) {
  net::ServerResponse response;
  response.content_type = "text/plain; charset=utf-8";
  if (request.path != "/metrics") {
    response.status = 404;
    response.body = "not found; there is /metrics\n";
  } else if (request.method != "GET") {
    response.status = 405;
    response.body = "method not allowed\n";
  } else {
    response.content_type = kTextContentType;
    response.body = registry.Text();
  }
  return response;
}

// The fields of /proc/self/stat after the program's name, from "state" on.
std::vector<std::string> ProcessStat() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t name_end = text.rfind(')');
  std::istringstream rest(name_end == std::string::npos ? "" : text.substr(name_end + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

double OpenDescriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  return entries - 3;  // ".", ".." and the directory's own
}

void ReadProcess(Registry& registry) {
  const std::vector<std::string> stat = ProcessStat();
  if (stat.size() < 22) return;  // no /proc
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  const auto field = [&stat](std::size_t number) { return std::strtod(stat[number - 3].c_str(), nullptr); };
  registry.SetTotal(Id::kProcessCpu, {}, (field(14) + field(15)) / ticks);
  registry.Set(Id::kProcessStartTime, {}, BootTime() + field(22) / ticks);
  registry.Set(Id::kProcessResidentMemory, {}, field(24) * page);
  registry.Set(Id::kProcessOpenFds, {}, OpenDescriptors());
}

}  // namespace

net::Handler MetricsHandler(Registry& registry) {
  return [&registry](net::ServerRequest request) { return Answered(Scrape(registry, request)); };
}

net::Handler HealthHandler(const Health& health) {
  return [&health](net::ServerRequest request) { return Answered(health.Answer(request)); };
}

ScrapeHook ExportProcessMetrics(Registry& registry) {
  return registry.OnScrape([&registry] { ReadProcess(registry); });
}

}  // namespace spillway::metrics
