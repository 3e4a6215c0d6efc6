#include "cmd/flags/live_flags.h"

DEFINE_string(service, "spillway-system/spillway:metrics",
              "The controller's Service and its port, as namespace/name:port; asked through the API server.");
DEFINE_string(
    url, "",
    "Ask the controller here and not through its Service, as http://127.0.0.1:8080: one that runs outside of the "
    "cluster, on this machine, or is behind kubectl port-forward.");
