# SPDX-License-Identifier: Apache-2.0
# complyd_scripted(NAME): gives the test NAME the scripted TLS server (scripted.h) and the loop helpers (loop.h).
include_guard(GLOBAL)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET GLOBAL libssl>=3.0 libcrypto>=3.0)
set(COMPLYD_SCRIPTED_SOURCE ${CMAKE_CURRENT_LIST_DIR}/scripted.c CACHE INTERNAL "")

function(complyd_scripted name)
  target_sources(${name} PRIVATE ${COMPLYD_SCRIPTED_SOURCE})
  target_link_libraries(${name} PRIVATE PkgConfig::OPENSSL PkgConfig::UV Threads::Threads)
endfunction()
