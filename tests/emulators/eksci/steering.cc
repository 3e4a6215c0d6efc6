// How tests steer the emulator.
#include <utility>
#include <vector>

#include "tests/emulators/eksci/emulator.h"

namespace spillway::emulators::eksci {
namespace {

void SetFaults(Faults& faults, const Json& wanted) {
  const std::pair<const char*, double*> shares[] = {
      {"no_stock", &faults.no_stock},         {"late_no_stock", &faults.late_no_stock},
      {"throttled", &faults.throttled},       {"server_error", &faults.server_error},
      {"lost_request", &faults.lost_request}, {"lost_reply", &faults.lost_reply}};
  for (const auto& [name, share] : shares) *share = wanted.value(name, 0.0);
  faults.permission_lost = wanted.value("permission_lost", false);
  faults.in_arrears = wanted.value("in_arrears", false);
  faults.clock_offset = std::chrono::seconds(wanted.value("clock_offset_seconds", 0));
}

Json NamesOf(const std::vector<Instance>& all) {
  Json names = Json::array();
  for (const Instance& one : all) names.push_back(one.name());
  return names;
}

}  // namespace

net::ServerResponse Emulator::Steer(const net::ServerRequest& request) {
  net::ServerResponse response;
  const Json wanted = Json::parse(request.body, nullptr, false);
  if (request.path == "/_emulator/fields") {
    response.body = Json(AcceptedFields()).dump();
  } else if (request.path == "/_emulator/last_create") {
    response.body = last_create_.dump();
  } else if (request.path == "/_emulator/state") {
    response.body = Json({{"live", NamesOf(Live())}, {"created", counts_.created}, {"violations", violations_}}).dump();
  } else if (request.path == "/_emulator/faults" && wanted.is_object()) {
    SetFaults(options_.faults, wanted);
    response.body = "{}";
  } else {
    response.status = 404;
  }
  return response;
}

}  // namespace spillway::emulators::eksci
