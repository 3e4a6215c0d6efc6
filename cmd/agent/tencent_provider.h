#pragma once

#include <memory>
#include <string_view>

#include "cmd/agent/agent_provider.h"

// --provider=tencentcloud and its flags. docs/tencent-eksci.md is their manual.
namespace spillway::cmd {

inline constexpr FlagGroup kTencentFlags = {"Tencent Cloud EKSCI", "cmd/agent/tencent_provider.cc"};

// "tencentcloud", "tencent", "tke".
bool IsTencent(std::string_view provider);
// What the environment of Tencent Cloud's own tools says where no flag does. kInvalidArgument: something is missing or
// wrong.
Status CheckTencentFlags();
Result<std::unique_ptr<OwnedProvider>> NewTencentProvider(Runtime& runtime);

}  // namespace spillway::cmd
