# Target `flags`: what every object of this project is compiled and linked with.
#
#   WERROR    warnings are errors
#   SANITIZE  a list for -fsanitize=, "address,undefined" for instance
#   HARDEN    the hardening flags that this compiler and linker know
#   LTO       link-time optimisation, where it works
#   TIDY      clang-tidy on every file that is compiled

include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckIPOSupported)
include(CheckPIESupported)

option(WERROR "Treat warnings as errors" OFF)
option(HARDEN "Compile and link with hardening flags" OFF)
option(LTO "Optimise at link time" OFF)
option(TIDY "Run clang-tidy beside the compiler" OFF)
set(SANITIZE "" CACHE STRING "Sanitizers, separated by commas")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
check_pie_supported()

add_library(flags INTERFACE)
# strnvis() has two forms in libbsd; the BSDs and macOS have this one.
# Files beyond 2 GiB and times beyond 2038 where long has 32 bits.
target_compile_definitions(flags INTERFACE _GNU_SOURCE LIBBSD_NETBSD_VIS _FILE_OFFSET_BITS=64 _TIME_BITS=64)
target_compile_options(flags INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wwrite-strings -Wconversion -Wformat=2 -Wvla -Wimplicit-fallthrough
  -Wno-missing-field-initializers # an option's entry leaves most of them out
  -Werror=implicit-function-declaration -Werror=int-conversion)

if(WERROR)
  target_compile_options(flags INTERFACE -Werror)
endif()

if(SANITIZE)
  target_compile_options(flags INTERFACE
    -fsanitize=${SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(flags INTERFACE -fsanitize=${SANITIZE})
endif()

function(add_known_compile_flags)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "CC${flag}" known)
    check_c_compiler_flag("-Werror ${flag}" ${known})
    if(${known})
      separate_arguments(words UNIX_COMMAND "${flag}")
      target_compile_options(flags INTERFACE ${words})
    endif()
  endforeach()
endfunction()

function(add_known_link_flags)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "LD${flag}" known)
    check_linker_flag(C ${flag} ${known})
    if(${known})
      target_link_options(flags INTERFACE ${flag})
    endif()
  endforeach()
endfunction()

if(HARDEN)
  add_known_compile_flags(
    "-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3" -fstrict-flex-arrays=3
    -fstack-clash-protection -fstack-protector-strong -fcf-protection=full
    -ftrivial-auto-var-init=zero -fzero-init-padding-bits=all
    -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing
    "-Wformat -Werror=format-security" -Werror=incompatible-pointer-types)
  add_known_link_flags(
    -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()

if(LTO)
  check_ipo_supported(RESULT lto_works OUTPUT lto_words LANGUAGES C)
  if(lto_works)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
    # In several partitions gcc links with the help of make, and warns where there is none.
    add_known_link_flags(-flto-partition=one)
  else()
    message(STATUS "no link-time optimisation: ${lto_words}")
  endif()
endif()

if(TIDY)
  find_program(CLANG_TIDY clang-tidy REQUIRED)
  set(CMAKE_C_CLANG_TIDY ${CLANG_TIDY} --quiet)
endif()
