#include "tests/simulation/registration.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::simulation {

using sandbox::Json;

Registration::Registration(Runtime& runtime, sandbox::Store& store, Duration staleness, InCharge in_charge)
    : runtime_(runtime),
      limit_(std::chrono::seconds(2) + staleness),
      in_charge_(std::move(in_charge)),
      nodes_(store.etcd(), *sandbox::FindKind("nodes"), 0, sandbox::Etcd::Cursor::Reader::kFaithful,
             [this] { Wake(); }) {
  Wake();
}

Registration::~Registration() = default;

void Registration::Wake() {
  if (std::exchange(posted_, true)) return;
  runtime_.Post([this, alive = std::weak_ptr<char>(alive_)] {
    if (alive.expired()) return;
    posted_ = false;
    while (const sandbox::Change* change = nodes_.Next()) Judge(*change);
  });
}

void Registration::Judge(const sandbox::Change& change) {
  const Json node = Json::parse(change.object->json);
  if (sandbox::Text(node, {"metadata", "labels", "type"}) != "virtual-kubelet") return;
  const std::string name = sandbox::ObjectName(node);
  if (change.type == sandbox::Change::Type::kDeleted) {
    deleted_[name] = {runtime_.Now(), in_charge_(name)};
    return;
  }
  const auto back = deleted_.extract(name);
  if (!back || back.mapped().agent.empty() || in_charge_(name) != back.mapped().agent) return;
  const Duration took = runtime_.Now() - back.mapped().when;
  if (took > limit_)
    wrong_.push_back(
        {"node-comes-back", fmt::format("{} was deleted and is back after {}", name, base::FormatDuration(took))});
}

}  // namespace spillway::simulation
