#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http_server.h"

namespace spillway::metrics {

// /livez, /readyz and /healthz (= /livez), in the wire format of Kubernetes' own components: "ok", or with ?verbose and
// on every failure a line per check. Unlike theirs, a failed check says why, since that is what the reader wants.
//
//   [+]loop ok
//   [+]configuration ok: rejected: config.yaml:4: ...
//   [-]caches failed: nodes: not listed yet: connection refused
//   readyz check failed
//
// /readyz/<check> asks one check; ?exclude=<check> leaves one out. Loop thread only.
//
// Source: k8s.io/apiserver pkg/server/healthz.
class Health {
 public:
  // The error's message says why not.
  using Check = std::function<Status()>;

  void AddLivez(std::string name, Check check);
  void AddReadyz(std::string name, Check check);
  // One that says something besides where it passes; empty: nothing.
  using Detail = std::function<std::string()>;
  void AddReadyz(std::string name, Check check, Detail detail);

  // 404 for any other path.
  net::ServerResponse Answer(const net::ServerRequest& request) const;

 private:
  struct Named {
    std::string name;
    Check check;
    Detail detail;  // may be null
  };
  net::ServerResponse Run(std::string_view endpoint, const std::vector<Named>& checks, std::string_view only,
                          std::string_view query) const;
  std::vector<Named> livez_, readyz_;
};

}  // namespace spillway::metrics
