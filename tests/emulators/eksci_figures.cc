// What an agent asks of EKSCI: eksci_figures [PODS]
#include "tests/emulators/eksci_world.h"
#include "tests/emulators/figures.h"

int main(int argc, char** argv) {
  return spillway::emulators::PrintFigures<spillway::emulators::EksciCloud>(argc, argv, [](int pods) {
    return fmt::format("at 18 creates a second the last could be asked for after {:.0f} s",
                       static_cast<double>(pods) / 18);
  });
}
