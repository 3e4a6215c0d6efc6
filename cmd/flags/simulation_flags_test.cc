#include "cmd/flags/simulation_flags.h"

#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include "kube/api/selector.h"

DECLARE_string(virtual_node_selector);

namespace spillway::cmd {
namespace {

class VirtualNodeSelectorTest : public ::testing::Test {
 protected:
  static kube::LabelSelector Read(const char* text) {
    FLAGS_virtual_node_selector = text;
    return VirtualNodeSelector()->selector;
  }
  gflags::FlagSaver flags_;
};

// Pods are sent there by nodeSelector, which cannot say more.
TEST_F(VirtualNodeSelectorTest, ValuesOfLabelsAreKeptAsLabels) {
  const kube::LabelSelector selector = Read("type=virtual-kubelet,pool in (a)");
  EXPECT_EQ(selector.match_labels, (kube::StringMap{{"pool", "a"}, {"type", "virtual-kubelet"}}));
  EXPECT_TRUE(selector.match_expressions.empty());
  EXPECT_TRUE(kube::Matches(selector, {{"pool", "a"}, {"type", "virtual-kubelet"}}));
  EXPECT_FALSE(kube::Matches(selector, {{"type", "virtual-kubelet"}}));
}

TEST_F(VirtualNodeSelectorTest, AllElseIsKeptAsRequirements) {
  const kube::LabelSelector selector = Read("type=virtual-kubelet,pool in (a,b),!cordoned");
  EXPECT_EQ(selector.match_labels, (kube::StringMap{{"type", "virtual-kubelet"}}));
  EXPECT_EQ(selector.match_expressions.size(), 2u);
  EXPECT_FALSE(kube::Matches(selector, {{"pool", "c"}, {"type", "virtual-kubelet"}}));
}

}  // namespace
}  // namespace spillway::cmd
