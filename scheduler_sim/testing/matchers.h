#pragma once

#include <gmock/gmock.h>

#include <string>

#include "scheduler_sim/testing/scenario.h"

// What tests say about the fates of a scenario's Pods.
namespace spillway::sim::testing {

struct Place {
  std::string node;
};
inline Place On(std::string node) { return {std::move(node)}; }
inline Place Onto(std::string node) { return {std::move(node)}; }

MATCHER_P2(Fits, pod, place, "fits on " + place.node) {
  const Fate& fate = arg.at(pod);
  *result_listener << pod << " went to \"" << fate.node << "\" " << fate.message;
  return fate.verdict.kind == Verdict::Kind::kFits && fate.node == place.node;
}

// kube-scheduler's message, for the real nodes.
MATCHER_P2(FitsNowhere, pod, message, std::string("fits nowhere: ") + message) {
  const Fate& fate = arg.at(pod);
  *result_listener << pod << " went to \"" << fate.node << "\" " << fate.message;
  return fate.verdict.kind == Verdict::Kind::kNowhere && fate.message == message;
}

MATCHER_P2(IsUndecidable, pod, text, std::string("is undecidable: ") + text) {
  const Fate& fate = arg.at(pod);
  *result_listener << pod << ": " << fate.message;
  return fate.verdict.kind == Verdict::Kind::kUndecidable && fate.message.find(text) != std::string::npos;
}

MATCHER_P2(Fit, count, place, "so many fit on " + place.node) {
  int found = 0;
  for (const auto& [pod, fate] : arg) found += fate.verdict.kind == Verdict::Kind::kFits && fate.node == place.node;
  *result_listener << found << " fit on " << place.node;
  return found == count;
}

MATCHER_P2(Overflow, count, place, "so many overflow onto " + place.node) {
  int found = 0;
  for (const auto& [pod, fate] : arg) found += fate.overflowed && fate.node == place.node;
  *result_listener << found << " overflow onto " << place.node;
  return found == count;
}

// No virtual node takes it, and this is what operators read.
MATCHER_P2(StaysBecause, pod, why, std::string("stays because ") + why) {
  const Fate& fate = arg.at(pod);
  *result_listener << pod << " went to \"" << fate.node << "\" " << fate.why;
  return fate.verdict.kind == Verdict::Kind::kNowhere && !fate.overflowed && fate.why == why;
}

}  // namespace spillway::sim::testing
