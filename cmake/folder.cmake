# SPDX-License-Identifier: Apache-2.0
# complyd_folder(NAME [SOURCES ...] [USES folder ...] [WRAPS pkg ...])
#   One static library a source folder. USES names complyd folders (PUBLIC: their headers are seen);
#   WRAPS names third-party targets, PRIVATE, so that no other folder can include their headers by way of this one.
function(complyd_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;WRAPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC complyd_options ${ARG_USES} PRIVATE ${ARG_WRAPS})
endfunction()

# complyd_unit(NAME folder ...): a cmocka program from NAME.c, linked with the named folders, run by ctest.
function(complyd_unit name)
  add_executable(${name} ${name}.c)
  target_link_libraries(${name} PRIVATE complyd_options ${ARGN} PkgConfig::CMOCKA)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
