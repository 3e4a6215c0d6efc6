// How tests steer the emulator.
#include <utility>
#include <vector>

#include "tests/emulators/eci/emulator.h"
#include "tests/emulators/eci/parameters.h"

namespace spillway::emulators::eci {
namespace {

void SetFaults(Faults& faults, const Json& wanted) {
  const std::pair<const char*, double*> shares[] = {{"no_stock", &faults.no_stock},
                                                    {"late_no_stock", &faults.late_no_stock},
                                                    {"throttled", &faults.throttled},
                                                    {"server_error", &faults.server_error},
                                                    {"lost_request", &faults.lost_request},
                                                    {"lost_reply", &faults.lost_reply},
                                                    {"ignored_delete", &faults.ignored_delete}};
  for (const auto& [name, share] : shares) *share = wanted.value(name, 0.0);
  faults.permission_lost = wanted.value("permission_lost", false);
  faults.in_arrears = wanted.value("in_arrears", false);
  faults.clock_offset = std::chrono::seconds(wanted.value("clock_offset_seconds", 0));
}

Json NamesOf(const std::vector<Group>& all) {
  Json names = Json::array();
  for (const Group& one : all) names.push_back(one.name);
  return names;
}

}  // namespace

net::ServerResponse Emulator::Steer(const net::ServerRequest& request) {
  net::ServerResponse response;
  const Json wanted = Json::parse(request.body, nullptr, false);
  if (request.path == "/_emulator/parameters") {
    response.body = Json(AcceptedParameters()).dump();
  } else if (request.path == "/_emulator/last_create") {
    response.body = Json(last_create_).dump();
  } else if (request.path == "/_emulator/state") {
    response.body = Json({{"live", NamesOf(Live())}, {"created", counts_.created}, {"violations", violations_}}).dump();
  } else if (request.path == "/_emulator/counts") {
    response.body = Json({{"calls", counts_.calls}, {"throttled", counts_.throttled}, {"live", live()}}).dump();
  } else if (request.path == "/_emulator/faults" && wanted.is_object()) {
    SetFaults(options_.faults, wanted);
    response.body = "{}";
  } else if (request.path == "/_emulator/reclaim" && wanted.is_object()) {
    response.body = Json({{"reclaimed", Reclaim(wanted.value("id", ""))}}).dump();
  } else {
    response.status = 404;
  }
  return response;
}

}  // namespace spillway::emulators::eci
