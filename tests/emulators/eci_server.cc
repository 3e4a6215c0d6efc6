// Serves the ECI emulator on loopback until it is killed: for the vendor's SDK and for people who try things.
//   eci_server [port]
#include "tests/emulators/eci/emulator.h"

int main(int argc, char** argv) {
  using namespace spillway;
  RealRuntime runtime;
  emulators::eci::EmulatorOptions options;
  options.keys["emulated-sts"] = {"emulated-sts-secret", "emulated-token", false};
  options.start_after = 300ms;
  options.schedule_after = 100ms;
  options.call = 1ms;
  emulators::eci::Emulator emulator(runtime, options);
  return emulators::ServeOnLoopback(runtime, emulator, argc, argv);
}
