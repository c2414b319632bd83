# GoogleTest from its sources (Debian package googletest), with this build's flags: GTest::gtest, GTest::gmock, ...
set(googletest_sources /usr/src/googletest CACHE PATH "Where Debian's googletest package puts its sources")
if(NOT EXISTS ${googletest_sources}/CMakeLists.txt)
  message(FATAL_ERROR "no GoogleTest sources in ${googletest_sources}: install the package googletest")
endif()
add_subdirectory(${googletest_sources} ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
foreach(library gtest gtest_main gmock gmock_main)
  target_compile_options(${library} PRIVATE -w)  # its warnings are not ours to fix
endforeach()
