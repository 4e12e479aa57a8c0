# SPDX-License-Identifier: Apache-2.0
# complyd_fault_unit(NAME folder ...): like complyd_unit(), with the allocations of the linked folders wrapped (fault.h).
include_guard(GLOBAL)
set(COMPLYD_FAULT_SOURCE ${CMAKE_CURRENT_LIST_DIR}/fault.c CACHE INTERNAL "")

function(complyd_fault_unit name)
  complyd_unit(${name} ${ARGN})
  target_sources(${name} PRIVATE ${COMPLYD_FAULT_SOURCE})
  foreach(function malloc calloc realloc strdup strndup mmap)
    target_link_options(${name} PRIVATE -Wl,--wrap=${function})
  endforeach()
endfunction()
