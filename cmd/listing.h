#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "kube/client.h"
#include "kube/json.h"

namespace spillway::cmd {

// All items of the list at `path`, page by page. `query` is encoded, and empty or such as
// "fieldSelector=spec.nodeName%3Da". Errors say what was listed.
Task<Result<std::vector<kube::Json>>> ListAll(kube::Client& client, std::string path, std::string query);

}  // namespace spillway::cmd
