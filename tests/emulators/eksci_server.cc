// Serves the EKSCI emulator on loopback until it is killed: for the vendor's SDK and for people who try things.
//   eksci_server [port]
#include "tests/emulators/eksci/emulator.h"

int main(int argc, char** argv) {
  using namespace spillway;
  RealRuntime runtime;
  emulators::eksci::EmulatorOptions options;
  options.keys["emulated-sts"] = {"emulated-sts-secret", "emulated-token", false};
  options.start_after = 300ms;
  options.schedule_after = 100ms;
  options.call = 1ms;
  options.enforces_limits = false;  // tests ask in bursts
  emulators::eksci::Emulator emulator(runtime, options);
  return emulators::ServeOnLoopback(runtime, emulator, argc, argv);
}
