#include "cloud/testing/provider_contract.h"
#include "tests/emulators/eksci_world.h"

namespace spillway::cloud::testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Eksci, ProviderContract, spillway::emulators::EksciWorld);
}  // namespace spillway::cloud::testing
