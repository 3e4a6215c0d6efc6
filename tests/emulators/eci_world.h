#pragma once

#include <string>

#include "cloud/providers/alibaba/provider.h"
#include "tests/emulators/cloud_world.h"
#include "tests/emulators/eci/emulator.h"

namespace spillway::emulators {

struct EciCloud {
  using Emulator = eci::Emulator;
  using EmulatorOptions = eci::EmulatorOptions;
  using Faults = eci::Faults;
  using Provider = cloud::alibaba::EciProvider;
  using Options = cloud::alibaba::Options;
  using Hosted = eci::Group;

  static constexpr const char* kPollApi = "DescribeContainerGroupStatus";

  static Options ProviderOptions() {
    Options options;
    options.region = "cn-emulated";
    options.host = "eci.emulated";
    options.security_group = "sg-1";
    options.vswitches = {{"vsw-a", "cn-emulated-a"}, {"vsw-b", "cn-emulated-b"}};
    return options;
  }
  static cloud::rest::Credential Key() { return {"emulated-key", "emulated-secret", ""}; }
  static std::string UidOf(const Hosted& group) { return group.tags.at("spillway-uid"); }
  static void MakeTrouble(Faults& faults) {
    faults.no_stock = 0.1;
    faults.late_no_stock = 0.1;
    faults.throttled = 0.05;
    faults.server_error = 0.05;
    faults.lost_request = 0.03;
    faults.lost_reply = 0.05;
    faults.ignored_delete = 0.1;
  }
  static void HideAll(Faults& faults, bool hides) { faults.permission_lost = hides; }
  static constexpr bool kNeverTwo = true;
};
using EciWorld = CloudWorld<EciCloud>;

}  // namespace spillway::emulators
