#include "metrics/health.h"

#include <fmt/core.h>

#include <set>

namespace spillway::metrics {
namespace {

net::ServerResponse Plain(int status, std::string body) {
  net::ServerResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

}  // namespace

void Health::AddLivez(std::string name, Check check) { livez_.push_back({std::move(name), std::move(check), nullptr}); }
void Health::AddReadyz(std::string name, Check check) { AddReadyz(std::move(name), std::move(check), nullptr); }
void Health::AddReadyz(std::string name, Check check, Detail detail) {
  readyz_.push_back({std::move(name), std::move(check), std::move(detail)});
}

net::ServerResponse Health::Answer(const net::ServerRequest& request) const {
  std::string_view path = request.path;
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  const std::size_t slash = path.find('/');
  const std::string_view endpoint = path.substr(0, slash);
  const std::string_view only = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  if (request.method != "GET" && request.method != "HEAD") return Plain(405, "method not allowed\n");
  if (endpoint == "livez" || endpoint == "healthz") return Run(endpoint, livez_, only, request.query);
  if (endpoint == "readyz") return Run(endpoint, readyz_, only, request.query);
  return Plain(404, "not found; there are /livez, /readyz and /healthz\n");
}

net::ServerResponse Health::Run(std::string_view endpoint, const std::vector<Named>& checks, std::string_view only,
                                std::string_view query) const {
  bool verbose = false;
  std::set<std::string> excluded;
  for (const auto& [key, value] : net::ParseQuery(query)) {
    if (key == "verbose") verbose = true;
    if (key == "exclude") excluded.insert(value);
  }
  std::string lines;
  bool ok = true;
  bool found = only.empty();
  for (const Named& named : checks) {
    if (!only.empty() && named.name != only) continue;
    found = true;
    if (excluded.erase(named.name) > 0) {
      lines += fmt::format("[+]{} excluded: ok\n", named.name);
      continue;
    }
    const Status status = named.check();
    ok = ok && status.has_value();
    const std::string detail = status && named.detail ? named.detail() : "";
    lines += status ? fmt::format("[+]{} ok{}{}\n", named.name, detail.empty() ? "" : ": ", detail)
                    : fmt::format("[-]{} failed: {}\n", named.name, status.error().message);
  }
  if (!found) return Plain(404, fmt::format("no check \"{}\"\n", only));
  for (const std::string& unknown : excluded) {
    lines += fmt::format("warn: some health checks cannot be excluded: no matches for \"{}\"\n", unknown);
  }
  if (!ok) return Plain(500, lines + fmt::format("{} check failed\n", endpoint));
  return Plain(200, verbose ? lines + fmt::format("{} check passed\n", endpoint) : "ok");
}

}  // namespace spillway::metrics
