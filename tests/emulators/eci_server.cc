// Serves the ECI emulator on loopback until it is killed: for the vendor's SDK and for people who try things.
//   eci_server [port]
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/real_runtime.h"
#include "net/http_server.h"
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
  net::HttpServerOptions server_options;
  if (argc > 1) server_options.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  auto server = net::NewHttpServer(runtime, server_options, emulator.NewHandler());
  if (!server) {
    std::fprintf(stderr, "eci_server: %s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("http://127.0.0.1:%d\n", (*server)->port());
  std::fflush(stdout);
  runtime.Run([&runtime](int) { runtime.Stop(); });
  return 0;
}
