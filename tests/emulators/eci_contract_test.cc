#include "cloud/testing/provider_contract.h"
#include "tests/emulators/eci_world.h"

namespace spillway::cloud::testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Eci, ProviderContract, spillway::emulators::EciWorld);
}  // namespace spillway::cloud::testing
