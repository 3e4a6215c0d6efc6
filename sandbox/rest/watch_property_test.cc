#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "sandbox/store/json_path.h"
#include "sandbox/testing/api_fixture.h"

// Whatever happens, a watch tells each change once and in order: who follows it holds what a list would return.

namespace spillway::sandbox {
namespace {

struct Step {
  int kind = 0;  // create, move to another group, touch, delete, or let time pass
  int object = 0;
  int group = 0;
};
std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << step.kind << ":" << step.object << ":" << step.group;
}

rc::Gen<Step> AnyStep() {
  return rc::gen::build<Step>(rc::gen::set(&Step::kind, rc::gen::inRange(0, 5)),
                              rc::gen::set(&Step::object, rc::gen::inRange(0, 4)),
                              rc::gen::set(&Step::group, rc::gen::inRange(0, 2)));
}

std::string GroupText(int group) { return "g" + std::to_string(group); }

void Perform(ApiFixture& cluster, const Step& step) {
  const std::string name = "p" + std::to_string(step.object);
  if (step.kind == 0) (void)cluster.store().Create("pods", PodNamed(name, {{"group", GroupText(step.group)}}));
  if (step.kind == 1 || step.kind == 2) {
    const Json part = step.kind == 1 ? Json{{"labels", {{"group", GroupText(step.group)}}}}
                                     : Json{{"annotations", {{"touched", std::to_string(step.group)}}}};
    (void)cluster.store().Patch("pods", "default", name, PatchType::kMerge, {{"metadata", part}});
  }
  if (step.kind == 3) (void)cluster.store().Delete("pods", "default", name);
  if (step.kind == 4) cluster.Settle();
}

using Known = std::map<std::string, std::string>;  // resourceVersion by name

// Follows the events; false when one does not fit what went before.
bool Follow(const LineSink& watch, Known& known) {
  long last = 0;
  for (const Json& event : watch.events) {
    const std::string type = TextAt(event, "type");
    const std::string name = TextAt(event, "object.metadata.name");
    const std::string version = TextAt(event, "object.metadata.resourceVersion");
    const bool was_known = known.count(name) > 0;
    if (type == "ADDED" ? was_known : !was_known) return false;
    if (std::stol(version) <= last) return false;
    last = std::stol(version);
    if (type == "DELETED") {
      known.erase(name);
    } else {
      known[name] = version;
    }
  }
  return true;
}

Known Listed(ApiFixture& cluster, const std::string& query) {
  Known listed;
  const Json list = cluster.Get("/api/v1/pods?" + query);
  for (const Json& pod : ArrayAt(list, "items")) {
    listed[TextAt(pod, "metadata.name")] = TextAt(pod, "metadata.resourceVersion");
  }
  return listed;
}

RC_GTEST_PROP(Watch, LeadsToWhatAListReturns, ()) {
  const auto before = *rc::gen::container<std::vector<Step>>(AnyStep());
  const auto after = *rc::gen::container<std::vector<Step>>(AnyStep());
  const std::string query =
      *rc::gen::element<std::string>("", "labelSelector=group%3Dg1", "fieldSelector=metadata.name%3Dp1");
  ApiFixture cluster;
  for (const Step& step : before) Perform(cluster, step);
  Known known = Listed(cluster, query);
  const auto watch = cluster.Watch(
      "/api/v1/pods?watch=true&resourceVersion=" + std::to_string(cluster.store().etcd().revision()) + "&" + query);
  for (const Step& step : after) Perform(cluster, step);
  cluster.Settle();
  RC_ASSERT(Follow(*watch, known));
  RC_ASSERT(known == Listed(cluster, query));
}

RC_GTEST_PROP(Watch, ResumesAnywhereWithoutGapOrRepeat, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(AnyStep());
  const std::string query = *rc::gen::element<std::string>("", "labelSelector=group%3Dg0");
  ApiFixture cluster;
  const std::string start = std::to_string(cluster.store().etcd().revision());
  const auto whole = cluster.Watch("/api/v1/pods?watch=true&resourceVersion=" + start + "&" + query);
  for (const Step& step : steps) Perform(cluster, step);
  cluster.Settle();
  const auto cut = *rc::gen::inRange<std::size_t>(0, whole->events.size() + 1);
  const std::string from = cut == 0 ? start : TextAt(whole->events[cut - 1], "object.metadata.resourceVersion");
  const auto rest = cluster.Watch("/api/v1/pods?watch=true&resourceVersion=" + from + "&" + query);
  const std::vector<Json> expected(whole->events.begin() + static_cast<std::ptrdiff_t>(cut), whole->events.end());
  RC_ASSERT(rest->events == expected);
}

RC_GTEST_PROP(Lists, OfAnOldRevisionAreWhatTheyWere, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(AnyStep());
  ApiFixture cluster;
  std::map<Revision, Known> moments;
  for (const Step& step : steps) {
    Perform(cluster, step);
    moments[cluster.store().etcd().revision()] = Listed(cluster, "");
  }
  for (const auto& [revision, then] : moments) {
    RC_ASSERT(Listed(cluster, "resourceVersionMatch=Exact&resourceVersion=" + std::to_string(revision)) == then);
  }
}

RC_GTEST_PROP(Lists, InPagesAreTheWholeList, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(AnyStep());
  const int limit = *rc::gen::inRange(1, 4);
  ApiFixture cluster;
  for (const Step& step : steps) Perform(cluster, step);
  const Known whole = Listed(cluster, "");
  Known collected;
  std::string token;
  do {
    const Json page =
        cluster.Get("/api/v1/pods?limit=" + std::to_string(limit) + (token.empty() ? "" : "&continue=" + token));
    for (const Json& pod : ArrayAt(page, "items")) {
      const bool is_new =
          collected.emplace(TextAt(pod, "metadata.name"), TextAt(pod, "metadata.resourceVersion")).second;
      RC_ASSERT(is_new);
    }
    token = TextAt(page, "metadata.continue");
    Perform(cluster, *AnyStep());  // pages show one moment whatever happens meanwhile
  } while (!token.empty());
  RC_ASSERT(collected == whole);
}

}  // namespace
}  // namespace spillway::sandbox
