#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "kube/transport.h"

namespace spillway::kube {

// Where the API server is and who we are. Files are read again when they change, exec plugins run again when their
// credential expires: rotation needs no restart. Holds secrets: never logged.
struct ClientConfig {
  std::string server;           // "https://host:port", perhaps with a path
  std::string tls_server_name;  // empty: the host of `server`
  std::string ca_data, ca_file;
  std::string client_cert_data, client_cert_file, client_key_data, client_key_file;
  std::string token, token_file;
  struct Exec {
    std::string command, api_version;
    std::vector<std::string> args;
    std::vector<std::pair<std::string, std::string>> env;
    bool provide_cluster_info = false;
    std::string install_hint;
  };
  std::optional<Exec> exec;
  std::string ns;       // the context's namespace; "default" when unset
  std::string context;  // for messages
};

// Precedence of client-go: the explicit path; then $KUBECONFIG (a list of files, merged, first wins); then in-cluster;
// then ~/.kube/config. `context` overrides current-context. Errors say which file and what to do.
Result<ClientConfig> LoadClientConfig(std::string_view kubeconfig_path, std::string_view context);
Result<ClientConfig> LoadInClusterConfig();
Result<ClientConfig> ParseKubeconfig(std::string_view yaml, std::string_view base_dir, std::string_view context);

// HTTPS to the API server with these credentials, over net/. insecure-skip-tls-verify is refused: TLS is verified
// always.
Result<std::unique_ptr<Transport>> NewHttpsTransport(Runtime& runtime, ClientConfig config);

}  // namespace spillway::kube
