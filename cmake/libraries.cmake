# The libraries of others: RABBITMQ, JANSSON, BSD, OPENSSL are what to link with.
#
#   STATIC_CODEC  take librabbitmq, jansson and libbsd from their static archives
#                 where there are any: of librabbitmq only the codec is used, and
#                 its shared library would bring OpenSSL into every program
#   TLS_MODULE    make TLS a module that is loaded when an amqps address asks for it

option(STATIC_CODEC "Link with static archives where there are any" ON)
option(TLS_MODULE "Make TLS a module of its own" ON)

find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)

# Sets `out` to what a target links with to get the package.
function(find_package_for out package)
  pkg_check_modules(${out} REQUIRED IMPORTED_TARGET ${package})
  set(found PkgConfig::${out})
  if(STATIC_CODEC)
    set(archives)
    foreach(library IN LISTS ${out}_LIBRARIES ARGN)
      find_library(${library}_ARCHIVE lib${library}.a HINTS ${${out}_LIBRARY_DIRS})
      list(APPEND archives ${${library}_ARCHIVE})
    endforeach()
    if(NOT archives MATCHES NOTFOUND)
      add_library(${out}_static INTERFACE)
      target_include_directories(${out}_static SYSTEM INTERFACE ${${out}_INCLUDE_DIRS})
      target_compile_options(${out}_static INTERFACE ${${out}_CFLAGS_OTHER})
      # The C library first: what it has of libbsd (arc4random, reallocarray) need not be in the program.
      target_link_libraries(${out}_static INTERFACE c ${archives} Threads::Threads)
      set(found ${out}_static)
    endif()
  endif()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

find_package_for(RABBITMQ librabbitmq>=0.11)
find_package_for(JANSSON jansson>=2.10)
if(NOT CMAKE_SYSTEM_NAME MATCHES "BSD|Darwin")
  find_package_for(BSD libbsd-overlay md)
endif()
set(OPENSSL OpenSSL::SSL OpenSSL::Crypto)

# TLS for `library`: part of it, or the module rmq-tls.so in LIBDIR/rmq-tools.
# The static library `tls` is for those who test it.
function(add_tls library)
  add_library(tls STATIC lib/wire/tls.c)
  target_include_directories(tls PRIVATE lib)
  target_link_libraries(tls PRIVATE flags ${OPENSSL} ${BSD})
  if(NOT TLS_MODULE)
    target_sources(${library} PRIVATE lib/wire/tls.c)
    target_link_libraries(${library} PRIVATE ${OPENSSL})
    return()
  endif()
  add_library(rmq-tls MODULE lib/wire/tls.c lib/base/error.c)
  target_include_directories(rmq-tls PRIVATE lib)
  target_link_libraries(rmq-tls PRIVATE flags ${OPENSSL} ${BSD})
  set_target_properties(rmq-tls PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}/rmq-tools)
  install(TARGETS rmq-tls DESTINATION ${CMAKE_INSTALL_LIBDIR}/rmq-tools)
  # Programs are one folder deep, here and where they are installed.
  set(module ${CMAKE_INSTALL_LIBDIR}/rmq-tools/$<TARGET_FILE_NAME:rmq-tls>)
  target_compile_definitions(${library} PRIVATE
    TLS_MODULE="../${module}" TLS_MODULE_INSTALLED="${CMAKE_INSTALL_PREFIX}/${module}")
  add_dependencies(${library} rmq-tls)
  target_link_libraries(${library} PRIVATE ${CMAKE_DL_LIBS})
endfunction()
