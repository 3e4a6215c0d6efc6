#include "cloud/providers/process/default_signals.h"

#include <signal.h>

namespace spillway::cloud {

void DefaultSignals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
}

}  // namespace spillway::cloud
