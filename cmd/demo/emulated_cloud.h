#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "cloud/provider.h"

namespace spillway::cmd {

// A cloud for the demo: its emulator, and providers as they run in production, which take it for the cloud.
class EmulatedCloud {
 public:
  virtual ~EmulatedCloud() = default;

  // "eci" or "eksci".
  static bool IsName(const std::string& name);
  // Starts the emulator. `program`; empty: NAME_server beside this binary. It outlives its providers, the runtime both.
  static Result<std::unique_ptr<EmulatedCloud>> Start(Runtime& runtime, const std::string& name, std::string program);

  virtual std::unique_ptr<cloud::Provider> NewProvider() = 0;
  virtual const std::string& url() const = 0;
};

}  // namespace spillway::cmd
