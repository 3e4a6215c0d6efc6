#include "sandbox/store/patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::sandbox {
namespace {

struct Case {
  const char* name;
  PatchType type;
  const char* current;
  const char* patch;
  const char* want;  // JSON; empty for a refusal
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

class Patching : public testing::TestWithParam<Case> {};

TEST_P(Patching, Yields) {
  const Case& each = GetParam();
  const auto patched = ApplyPatch(each.type, Json::parse(each.current), Json::parse(each.patch));
  if (*each.want == '\0') {
    EXPECT_FALSE(patched.has_value());
    return;
  }
  ASSERT_TRUE(patched.has_value()) << patched.error().message;
  EXPECT_EQ(*patched, Json::parse(each.want)) << patched->dump();
}

constexpr auto kStrategic = PatchType::kStrategic;

INSTANTIATE_TEST_SUITE_P(
    Table, Patching,
    testing::Values(
        Case{"json_adds_at_the_end", PatchType::kJson, R"({"a":[1]})", R"([{"op":"add","path":"/a/-","value":2}])",
             R"({"a":[1,2]})"},
        Case{"json_test_fails", PatchType::kJson, R"({"a":1})", R"([{"op":"test","path":"/a","value":2}])", ""},
        Case{"json_removes_what_is_not_there", PatchType::kJson, R"({})", R"([{"op":"remove","path":"/a"}])", ""},
        Case{"json_is_no_list", PatchType::kJson, R"({})", R"({"a":1})", ""},
        Case{"merge_null_removes_and_lists_replace", PatchType::kMerge, R"({"a":1,"l":[1,2]})", R"({"a":null,"l":[3]})",
             R"({"l":[3]})"},
        Case{
            "containers_merge_by_name", kStrategic,
            R"({"containers":[{"name":"a","image":"1","env":[{"name":"X","value":"1"}]},{"name":"b","image":"1"}]})",
            R"({"containers":[{"name":"a","image":"2","env":[{"name":"Y","value":"2"}]}]})",
            R"({"containers":[{"name":"a","image":"2","env":[{"name":"Y","value":"2"},{"name":"X","value":"1"}]},{"name":"b","image":"1"}]})"},
        Case{"new_elements_come_first", kStrategic, R"({"containers":[{"name":"a"}]})",
             R"({"containers":[{"name":"b"}]})", R"({"containers":[{"name":"b"},{"name":"a"}]})"},
        Case{"a_new_address_is_added_in_front", kStrategic, R"({"hostIPs":[{"ip":"10.0.0.5"}]})",
             R"({"hostIPs":[{"ip":"10.0.0.6"}]})", R"({"hostIPs":[{"ip":"10.0.0.6"},{"ip":"10.0.0.5"}]})"},
        Case{"elements_come_in_the_patchs_order", kStrategic,
             R"({"containers":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]})",
             R"({"containers":[{"name":"c"},{"name":"a"},{"name":"n"}]})",
             R"({"containers":[{"name":"b"},{"name":"c"},{"name":"a"},{"name":"n"},{"name":"d"}]})"},
        Case{"delete_by_key", kStrategic, R"({"containers":[{"name":"a"},{"name":"b"}]})",
             R"({"containers":[{"name":"a","$patch":"delete"}]})", R"({"containers":[{"name":"b"}]})"},
        Case{"replace_a_list", kStrategic, R"({"containers":[{"name":"a"},{"name":"b"}]})",
             R"({"containers":[{"name":"c"},{"$patch":"replace"}]})", R"({"containers":[{"name":"c"}]})"},
        Case{"replace_prunes_all_that_hold_a_directive", kStrategic, R"({"hostIPs":[{"ip":"1"}]})",
             R"({"hostIPs":[{"$patch":"replace","ip":"2"},{"ip":"3"}]})", R"({"hostIPs":[{"ip":"3"}]})"},
        Case{"replace_a_list_that_is_not_there", kStrategic, R"({})",
             R"({"hostIPs":[{"$patch":"replace"},{"ip":"3"}]})", R"({"hostIPs":[{"ip":"3"}]})"},
        Case{"replace_a_map", kStrategic, R"({"m":{"a":1,"b":2}})", R"({"m":{"$patch":"replace","c":3}})",
             R"({"m":{"c":3}})"},
        Case{"delete_a_map", kStrategic, R"({"m":{"a":1},"n":1})", R"({"m":{"$patch":"delete"}})", R"({"n":1})"},
        Case{
            "conditions_merge_by_type", kStrategic,
            R"({"conditions":[{"type":"Ready","status":"False","reason":"x"},{"type":"DiskPressure","status":"False"}]})",
            R"({"conditions":[{"type":"Ready","status":"True","reason":null}]})",
            R"({"conditions":[{"type":"Ready","status":"True"},{"type":"DiskPressure","status":"False"}]})"},
        Case{"tolerations_are_one_piece", kStrategic, R"({"tolerations":[{"key":"a"}]})",
             R"({"tolerations":[{"key":"b"}]})", R"({"tolerations":[{"key":"b"}]})"},
        Case{"taints_are_one_piece", kStrategic, R"({"taints":[{"key":"a","effect":"NoSchedule"}]})",
             R"({"taints":[{"key":"b","effect":"NoSchedule"}]})", R"({"taints":[{"key":"b","effect":"NoSchedule"}]})"},
        Case{"addresses_merge_by_type", kStrategic, R"({"addresses":[{"type":"InternalIP","address":"1"}]})",
             R"({"addresses":[{"type":"InternalIP","address":"2"}]})",
             R"({"addresses":[{"type":"InternalIP","address":"2"}]})"},
        Case{
            "container_ports_with_two_protocols", kStrategic,
            R"({"ports":[{"containerPort":53,"protocol":"UDP","name":"u"},{"containerPort":53,"protocol":"TCP","name":"t"}]})",
            R"({"ports":[{"containerPort":53,"protocol":"TCP","name":"x"}]})",
            R"({"ports":[{"containerPort":53,"protocol":"UDP","name":"u"},{"containerPort":53,"protocol":"TCP","name":"x"}]})"},
        Case{"service_ports_merge_by_port", kStrategic, R"({"ports":[{"port":80,"name":"a"}]})",
             R"({"ports":[{"port":80,"name":"b"},{"port":81}]})", R"({"ports":[{"port":80,"name":"b"},{"port":81}]})"},
        Case{"owners_merge_by_uid", kStrategic, R"({"ownerReferences":[{"uid":"1"}]})",
             R"({"ownerReferences":[{"uid":"2"}]})", R"({"ownerReferences":[{"uid":"2"},{"uid":"1"}]})"},
        Case{"finalizers_are_a_set", kStrategic, R"({"finalizers":["a"]})", R"({"finalizers":["b","a"]})",
             R"({"finalizers":["b","a"]})"},
        Case{"primitives_are_taken_out", kStrategic, R"({"finalizers":["a","b"]})",
             R"({"$deleteFromPrimitiveList/finalizers":["a"]})", R"({"finalizers":["b"]})"},
        Case{"retained_keys", kStrategic, R"({"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}})",
             R"({"strategy":{"$retainKeys":["type"],"type":"Recreate"}})", R"({"strategy":{"type":"Recreate"}})"},
        Case{
            "element_order", kStrategic, R"({"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]})",
            R"({"$setElementOrder/containers":[{"name":"c"},{"name":"a"},{"name":"b"}],"containers":[{"name":"a","image":"1"}]})",
            R"({"containers":[{"name":"c"},{"name":"a","image":"1"},{"name":"b"}]})"},
        Case{"a_new_map_carries_no_directives", kStrategic, R"({})", R"({"m":{"a":1,"b":null,"$retainKeys":["a"]}})",
             R"({"m":{"a":1}})"},
        Case{"an_element_without_its_key", kStrategic, R"({"containers":[]})", R"({"containers":[{"image":"1"}]})", ""},
        Case{"an_unknown_directive", kStrategic, R"({"m":{}})", R"({"m":{"$patch":"burn"}})", ""},
        Case{"apply_merges", PatchType::kApply, R"({"spec":{"replicas":3,"x":1}})", R"({"spec":{"replicas":5}})",
             R"({"spec":{"replicas":5,"x":1}})"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace spillway::sandbox
