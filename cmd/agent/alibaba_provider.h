#pragma once

#include <memory>
#include <string_view>

#include "cmd/agent/agent_provider.h"

// --provider=alibabacloud and its flags. docs/alibaba-eci.md is their manual.
namespace spillway::cmd {

inline constexpr FlagGroup kAlibabaFlags = {"Alibaba Cloud ECI", "cmd/agent/alibaba_provider.cc"};

// "alibabacloud", "alibaba".
bool IsAlibaba(std::string_view provider);
// What the ECI_* environment of virtual-kubelet's deployments says where no flag does. kInvalidArgument: something is
// missing or wrong.
Status CheckAlibabaFlags();
Result<std::unique_ptr<OwnedProvider>> NewAlibabaProvider(Runtime& runtime);

}  // namespace spillway::cmd
