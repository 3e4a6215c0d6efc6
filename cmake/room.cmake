# One static library per room, one more of what its folders testing/ hold, and one test binary `<room>_test` from the *_test.cc
# files beside the code.

function(spillway_compile_options target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wno-missing-field-initializers
    # GCC bug 105651: at -O3 it takes every string + string for an overlapping copy.
    $<$<CONFIG:Release>:-Wno-restrict>
    # It means headers; a unit includes sources.
    $<$<BOOL:${SPILLWAY_UNITY}>:-Wno-subobject-linkage>
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

# Sources joined into units of at most SPILLWAY_UNITY files, when that is set: what a header costs is paid once a unit, and a cold
# build takes a quarter of the time. Includes are relative to the root, so that ccache knows the units again in a clone at
# another path. Files with compile definitions of their own stay by themselves.
function(spillway_units name out)
  set(sources ${ARGN})
  list(SORT sources)
  set(${out} ${sources} PARENT_SCOPE)
  if(NOT SPILLWAY_UNITY)
    return()
  endif()
  set(units "")
  set(code "")
  set(count 0)
  set(number 0)
  foreach(source ${sources})
    get_source_file_property(definitions ${source} COMPILE_DEFINITIONS)
    if(definitions)
      list(APPEND units ${source})
      continue()
    endif()
    file(RELATIVE_PATH include ${CMAKE_SOURCE_DIR} ${source})
    string(APPEND code "#include \"${include}\"\n")
    math(EXPR count "${count} + 1")
    if(count EQUAL SPILLWAY_UNITY)
      spillway_unit(${name}_${number} "${code}")
      list(APPEND units ${CMAKE_BINARY_DIR}/units/${name}_${number}.cc)
      math(EXPR number "${number} + 1")
      set(code "")
      set(count 0)
    endif()
  endforeach()
  if(code)
    spillway_unit(${name}_${number} "${code}")
    list(APPEND units ${CMAKE_BINARY_DIR}/units/${name}_${number}.cc)
  endif()
  set(${out} ${units} PARENT_SCOPE)
endfunction()

function(spillway_unit name code)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/units/${name}.cc CONTENT "${code}" @ONLY)
endfunction()

# Folders of rooms nested inside another room's folder (kube/api inside kube) are left to their own room. What stands in a folder
# testing/ is for tests only: it becomes <room>_testing, which no product target may link, and which brings the testing/ of all
# rooms that it knows.
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
  set(testing ${sources})
  list(FILTER testing INCLUDE REGEX "/testing/")
  list(FILTER sources EXCLUDE REGEX "/testing/")

  spillway_units(${name} units ${sources})
  add_library(${name} STATIC ${units})
  spillway_compile_options(${name})
  target_link_libraries(${name} PUBLIC ${ROOM_KNOWS} ${ROOM_EXTERNAL} PRIVATE ${ROOM_PRIVATE_EXTERNAL})
  if(NOT SPILLWAY_TESTS)
    return()
  endif()

  list(TRANSFORM ROOM_KNOWS APPEND _testing OUTPUT_VARIABLE known_testing)
  if(testing)
    spillway_units(${name}_testing units ${testing})
    add_library(${name}_testing STATIC ${units})
    spillway_compile_options(${name}_testing)
    target_link_libraries(${name}_testing PUBLIC ${name} ${known_testing} GTest::gtest GTest::gmock PRIVATE ${ROOM_PRIVATE_EXTERNAL})
  else()
    add_library(${name}_testing INTERFACE)
    target_link_libraries(${name}_testing INTERFACE ${name} ${known_testing})
  endif()
  if(tests)
    spillway_units(${name}_test units ${tests})
    add_executable(${name}_test ${units})
    spillway_compile_options(${name}_test)
    target_link_libraries(${name}_test PRIVATE ${name}_testing ${ROOM_PRIVATE_EXTERNAL}
      GTest::gtest GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
    gtest_discover_tests(${name}_test PROPERTIES LABELS unit TIMEOUT 300 DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES)
  endif()
endfunction()
