// What an agent asks of ECI: eci_figures [PODS]
#include "tests/emulators/eci_world.h"
#include "tests/emulators/figures.h"

int main(int argc, char** argv) {
  return spillway::emulators::PrintFigures<spillway::emulators::EciCloud>(argc, argv, [](int pods) {
    return fmt::format("at 20 creates a second and 100 at once the last could be asked for after {:.0f} s",
                       static_cast<double>(pods - 100) / 20);
  });
}
