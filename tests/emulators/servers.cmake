# Clouds that are none: what providers are proven against, and what `spillway demo --cloud=` plays on. An emulator links nothing of the
# provider that it judges. Without tests they are built for those who ask for one.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/common/*.cc)
spillway_units(emulator_common units ${sources})
set(exclude "")
if(NOT SPILLWAY_TESTS)
  set(exclude EXCLUDE_FROM_ALL)
endif()
add_library(emulator_common STATIC ${exclude} ${units})
spillway_compile_options(emulator_common)
target_link_libraries(emulator_common PUBLIC base net PRIVATE OpenSSL::Crypto)

foreach(cloud eci eksci)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/${cloud}/*.cc)
  spillway_units(${cloud}_emulator units ${sources})
  add_library(${cloud}_emulator STATIC ${exclude} ${units})
  spillway_compile_options(${cloud}_emulator)
  target_link_libraries(${cloud}_emulator PUBLIC base net emulator_common nlohmann_json::nlohmann_json)
  # Beside the binary, where the demo looks for it.
  add_executable(${cloud}_server ${exclude} ${CMAKE_CURRENT_LIST_DIR}/${cloud}_server.cc)
  spillway_compile_options(${cloud}_server)
  target_link_libraries(${cloud}_server PRIVATE ${cloud}_emulator)
  set_target_properties(${cloud}_server PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endforeach()
