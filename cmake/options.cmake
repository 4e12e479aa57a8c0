# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags of every target: warnings are errors, release builds are hardened.

add_library(complyd_options INTERFACE)
target_include_directories(complyd_options INTERFACE ${CMAKE_SOURCE_DIR}/include)
target_compile_definitions(complyd_options INTERFACE _GNU_SOURCE COMPLYD_VERSION="${PROJECT_VERSION}")
target_compile_options(complyd_options INTERFACE
  -Wall -Wextra -Werror -Wconversion -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
  -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wimplicit-fallthrough
  -fno-strict-aliasing -fno-omit-frame-pointer -fvisibility=hidden)

# Not every processor has it.
include(CheckCCompilerFlag)
check_c_compiler_flag(-fcf-protection=full HAVE_CF_PROTECTION)
set(control_flow $<$<BOOL:${HAVE_CF_PROTECTION}>:-fcf-protection=full>)

if(COMPLYD_SANITIZE)
  target_compile_options(complyd_options INTERFACE -fsanitize=${COMPLYD_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(complyd_options INTERFACE -fsanitize=${COMPLYD_SANITIZE})
else()
  target_compile_options(complyd_options INTERFACE
    -fstack-protector-strong -fstack-clash-protection ${control_flow} -fPIE
    $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  target_link_options(complyd_options INTERFACE -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()

if(COMPLYD_FUZZERS)
  # Every library is instrumented for coverage; only the fuzz programs get libFuzzer's main.
  target_compile_options(complyd_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
