# The kinds of target in this repository. Every folder is one library, named after its path.

add_library(bimip_options INTERFACE)
target_include_directories(bimip_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(bimip_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(bimip_options INTERFACE -Wthread-safety -Werror=thread-safety)
endif()

# bimip_library(engine_base SOURCES a.cc PUBLIC x PRIVATE y)
function(bimip_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE bimip_options ${ARG_PRIVATE})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
endfunction()

# bimip_program(bimipd SOURCES main.cc LIBS frontend_node)
function(bimip_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE bimip_options ${ARG_LIBS})
endfunction()

# bimip_test(engine_base_test SOURCES a_test.cc LIBS engine_base): one program a folder, one ctest entry a test.
# What may take longest begins first: else it is what the others' end is followed by.
function(bimip_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE bimip_options ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT})
endfunction()

# bimip_fuzz(fuzz_record SOURCES fuzz_record.cc LIBS engine_format CORPUS corpus/record)
# Everywhere a test that replays its corpus. Under the fuzz preset it is a libFuzzer program, and a second test looks for
# new trouble for BIMIP_FUZZ_SECONDS; what it learns stays in the build folder.
function(bimip_fuzz name)
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE bimip_options ${ARG_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  if(BIMIP_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set(learnt ${CMAKE_BINARY_DIR}/fuzz/${name}.corpus)
    file(MAKE_DIRECTORY ${learnt})
    add_test(NAME ${name}.replays_its_corpus COMMAND ${name} -runs=0 ${corpus})
    add_test(NAME ${name}.finds_nothing_new
             COMMAND ${name} -max_total_time=${BIMIP_FUZZ_SECONDS}
                     -artifact_prefix=${CMAKE_BINARY_DIR}/fuzz/${name}. ${learnt} ${corpus})
  else()
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/replay_corpus.cc)
    add_test(NAME ${name}.replays_its_corpus COMMAND ${name} ${corpus})
  endif()
endfunction()
