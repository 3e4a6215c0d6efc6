# One static library per room, plus one test binary `<room>_test` from the *_test.cc files beside the code.

function(spillway_compile_options target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wno-missing-field-initializers
    # GCC bug 105651: at -O3 it takes every string + string for an overlapping copy.
    $<$<CONFIG:Release>:-Wno-restrict>
    -fstack-protector-strong -fno-omit-frame-pointer $<$<BOOL:${SPILLWAY_WERROR}>:-Werror>)
  target_compile_definitions(${target} PRIVATE BOOST_BIND_GLOBAL_PLACEHOLDERS BOOST_ALLOW_DEPRECATED_HEADERS)
  if(SPILLWAY_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${SPILLWAY_SANITIZE} -fno-sanitize-recover=undefined)
    target_link_options(${target} PRIVATE -fsanitize=${SPILLWAY_SANITIZE})
    # GCC's null and object-size checks misfire on coroutine frames under UBSan; -Wno-maybe-uninitialized: same cause.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    if(SPILLWAY_SANITIZE MATCHES "thread")
      # TSan does not know the fences Asio puts around handlers; its queues are locked anyway.
      target_compile_definitions(${target} PRIVATE BOOST_ASIO_DISABLE_FENCED_BLOCK)
    endif()
  endif()
  find_program(SPILLWAY_MOLD mold)
  if(SPILLWAY_MOLD)
    target_link_options(${target} PRIVATE -fuse-ld=mold)
  endif()
endfunction()

# Folders of rooms nested inside another room's folder (kube/api inside kube) are left to their own room.
function(spillway_room name)
  cmake_parse_arguments(ROOM "" "DIR" "KNOWS;EXTERNAL;PRIVATE_EXTERNAL" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${ROOM_DIR}/*.cc)
  if(ROOM_DIR STREQUAL "kube")
    list(FILTER sources EXCLUDE REGEX "/kube/api/")
  endif()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/cmd/main\\.cc$")

  if(sources)
    add_library(${name} STATIC ${sources})
    spillway_compile_options(${name})
    target_link_libraries(${name} PUBLIC ${ROOM_KNOWS} ${ROOM_EXTERNAL} PRIVATE ${ROOM_PRIVATE_EXTERNAL})
    set(scope PRIVATE)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ROOM_KNOWS} ${ROOM_EXTERNAL})
  endif()

  if(tests)
    add_executable(${name}_test ${tests})
    spillway_compile_options(${name}_test)
    target_link_libraries(${name}_test PRIVATE ${name} ${ROOM_PRIVATE_EXTERNAL} GTest::gtest GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
    gtest_discover_tests(${name}_test PROPERTIES LABELS unit TIMEOUT 300 DISCOVERY_MODE PRE_TEST)
  endif()
endfunction()
