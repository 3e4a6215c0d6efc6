#pragma once

#include <string>

#include "cloud/providers/tencent/provider.h"
#include "tests/emulators/cloud_world.h"
#include "tests/emulators/eksci/emulator.h"

namespace spillway::emulators {

struct EksciCloud {
  using Emulator = eksci::Emulator;
  using EmulatorOptions = eksci::EmulatorOptions;
  using Faults = eksci::Faults;
  using Provider = cloud::tencent::EksciProvider;
  using Options = cloud::tencent::Options;
  using Hosted = eksci::Instance;

  static constexpr const char* kPollApi = "DescribeEKSContainerInstances";

  static Options ProviderOptions() {
    Options options;
    options.region = "ap-emulated";
    options.host = "tke.emulated";
    options.vpc = "vpc-1";
    options.security_groups = {"sg-1"};
    options.subnets = {{"subnet-a", "ap-emulated-1"}, {"subnet-b", "ap-emulated-2"}};
    return options;
  }
  static cloud::rest::Credential Key() { return {"emulated-id", "emulated-secret", ""}; }
  static std::string UidOf(const Hosted& instance) { return instance.name().substr(instance.name().find('-') + 1); }
  static void MakeTrouble(Faults& faults) {
    faults.no_stock = 0.1;
    faults.late_no_stock = 0.1;
    faults.throttled = 0.05;
    faults.server_error = 0.05;
    faults.lost_request = 0.03;
    faults.lost_reply = 0.05;
    faults.ignored_delete = 0.1;
    faults.moving_pages = 0.05;
    faults.shown_late = std::chrono::seconds(2);
  }
  static void HideAll(Faults& faults, bool hides) { faults.permission_lost = hides; }
  // An agent that is killed before its create shows cannot know of it: orphans' collection has to.
  static constexpr bool kNeverTwo = false;
};
using EksciWorld = CloudWorld<EksciCloud>;

}  // namespace spillway::emulators
