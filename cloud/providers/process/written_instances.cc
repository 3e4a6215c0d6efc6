#include "cloud/providers/process/written_instances.h"

#include "cloud/files.h"
#include "cloud/json.h"

namespace spillway::cloud {

std::vector<Instance> ReadProcessInstances(const std::string& state_dir) {
  std::vector<Instance> found;
  for (const std::string& id : ListDirectory(state_dir)) {
    if (!id.starts_with("proc-")) continue;
    const auto text = ReadPrivateFile(state_dir + "/" + id + "/instance.json");
    const Json state = Json::parse(text.value_or(""), nullptr, /*allow_exceptions=*/false);
    if (!state.is_object()) continue;
    Instance instance;
    instance.id = id;
    instance.identity = {TextAt(state, "cluster"), TextAt(state, "node"), TextAt(state, "podUID"),
                         TextAt(state, "podNamespace"), TextAt(state, "podName")};
    const bool is_going = ReadPrivateFile(state_dir + "/" + id + "/deleted", 1).has_value();
    instance.state = is_going ? InstanceState::kTerminating : InstanceState::kRunning;
    instance.created_at = WallTime(Duration(Integer(At(state, "createdAt"))));
    found.push_back(std::move(instance));
  }
  return found;
}

}  // namespace spillway::cloud
