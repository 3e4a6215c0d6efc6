#pragma once

#include "controller/controller.h"
#include "net/http_server.h"

namespace spillway::cmd {

// GET /explain/v1/namespaces/{namespace}/pods/{name}[?nodes=all] answers as controller::Explainer does, or with
// {"error": {"code", "message"}}; every other path is for `rest`. `controller` outlives the server that uses it.
net::Handler ExplainHandler(controller::Controller& controller, net::Handler rest);

}  // namespace spillway::cmd
