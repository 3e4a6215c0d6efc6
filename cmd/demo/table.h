#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "kube/transport.h"

namespace spillway::cmd {

// A meta.k8s.io/v1 Table as `kubectl get -o wide` prints it, byte for byte.
//
// Source: cli-runtime printers/tableprinter.go and tabwriter.go: minimal width 6, padding 3, the last cell unpadded.
std::string RenderTable(const nlohmann::json& table);

// Fetches `path` ("/api/v1/namespaces/default/pods") as a table and renders it.
Task<Result<std::string>> FetchTable(kube::Transport& transport, std::string path);

}  // namespace spillway::cmd
