# add_tool(NAME ROOM ROOM [ALIASES NAME...]): a program out of cmd/NAME.c and an engine's room, with
# its other names and its manual page.  In every name "_" stands for "-" as well.
# The build tree has all names without the prefix too, in bin/.

set(PROGRAM_PREFIX "" CACHE STRING "Put this before each installed name")
option(MANPAGES "Make manual pages; runs the programs just built" ON)
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  set(CANNOT_RUN ON)
endif()
if(MANPAGES AND CANNOT_RUN)
  message(STATUS "no emulator for ${CMAKE_SYSTEM_PROCESSOR}: no manual pages")
  set(MANPAGES OFF)
endif()

# Debian's amqp-tools has these; nothing of ours may take their place.
set(FOREIGN_NAMES amqp-publish amqp-consume amqp-get amqp-declare-queue amqp-delete-queue)

set_property(GLOBAL PROPERTY TOOLS)
set_property(GLOBAL PROPERTY TOOL_NAMES)

# Sets `out` to the names and their twins with "_".
function(all_names out)
  set(names)
  foreach(name IN LISTS ARGN)
    string(REPLACE - _ twin ${name})
    list(APPEND names ${name} ${twin})
  endforeach()
  list(REMOVE_DUPLICATES names)
  set(${out} ${names} PARENT_SCOPE)
endfunction()

function(refuse_foreign_names)
  foreach(name IN LISTS ARGN)
    if("${PROGRAM_PREFIX}${name}" IN_LIST FOREIGN_NAMES)
      message(FATAL_ERROR "${PROGRAM_PREFIX}${name} belongs to amqp-tools")
    endif()
  endforeach()
endfunction()

# Symbolic links in `dir` under every one of the names, installed in `dest`.
function(install_links dir dest target)
  file(MAKE_DIRECTORY ${dir})
  foreach(link IN LISTS ARGN)
    file(CREATE_LINK ${target} ${dir}/${link} SYMBOLIC)
    install(FILES ${dir}/${link} DESTINATION ${dest})
  endforeach()
endfunction()

function(add_tool tool)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" ROOM ALIASES)
  all_names(names ${tool} ${arg_ALIASES})
  list(REMOVE_ITEM names ${tool})
  refuse_foreign_names(${tool} ${names})
  string(REPLACE - _ source ${tool})

  set(bin ${CMAKE_BINARY_DIR}/bin)
  add_executable(${tool} cmd/${source}.c)
  target_include_directories(${tool} PRIVATE cmd)
  target_link_libraries(${tool} PRIVATE flags cmd_${arg_ROOM} rmq)
  set_target_properties(${tool} PROPERTIES
    OUTPUT_NAME ${PROGRAM_PREFIX}${tool} RUNTIME_OUTPUT_DIRECTORY ${bin})
  install(TARGETS ${tool} DESTINATION ${CMAKE_INSTALL_BINDIR})

  set(links ${names})
  list(TRANSFORM links PREPEND "${PROGRAM_PREFIX}")
  install_links(${bin} ${CMAKE_INSTALL_BINDIR} ${PROGRAM_PREFIX}${tool} ${links})
  if(PROGRAM_PREFIX)
    foreach(name IN ITEMS ${tool} ${names})
      file(CREATE_LINK ${PROGRAM_PREFIX}${tool} ${bin}/${name} SYMBOLIC)
    endforeach()
  endif()
  set_property(GLOBAL APPEND PROPERTY TOOLS ${tool})
  set_property(GLOBAL APPEND PROPERTY TOOL_NAMES ${PROGRAM_PREFIX}${tool} ${links})

  if(MANPAGES)
    add_page(${tool} ${links})
  endif()
endfunction()

# The manual: prose from man/TOOL.1.in, @OPTIONS@ from the program itself.
function(add_page tool)
  set(dir ${CMAKE_BINARY_DIR}/man)
  set(page ${dir}/${PROGRAM_PREFIX}${tool}.1)
  set(prose ${PROJECT_SOURCE_DIR}/man/${tool}.1.in)
  set(script ${PROJECT_SOURCE_DIR}/cmake/page.cmake)
  file(MAKE_DIRECTORY ${dir})
  add_custom_command(OUTPUT ${page}
    COMMAND ${tool} --help=mdoc > ${page}.options
    COMMAND ${CMAKE_COMMAND} -DIN=${prose} -DOUT=${page} -DPREFIX=${PROGRAM_PREFIX}
      -DOPTIONS=${page}.options -P ${script}
    DEPENDS ${tool} ${prose} ${script} VERBATIM)
  add_custom_target(${tool}-page ALL DEPENDS ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  list(TRANSFORM ARGN APPEND .1)
  install_links(${dir} ${CMAKE_INSTALL_MANDIR}/man1 ${PROGRAM_PREFIX}${tool}.1 ${ARGN})
endfunction()

# A page that belongs to no single program.
function(install_shared_page page)
  set(PREFIX ${PROGRAM_PREFIX})
  configure_file(man/${page}.in ${CMAKE_BINARY_DIR}/man/${page} @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
endfunction()

# bash looks for a file by the command's name, zsh reads the names in the file.
function(install_completions)
  get_property(names GLOBAL PROPERTY TOOL_NAMES)
  list(JOIN names " " NAMES)
  set(dir ${CMAKE_BINARY_DIR}/completions)
  configure_file(completions/rmq-tools.bash.in ${dir}/rmq-tools @ONLY)
  configure_file(completions/_rmq-tools.in ${dir}/_rmq-tools @ONLY)
  set(bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${dir}/rmq-tools DESTINATION ${bash})
  install_links(${dir} ${bash} rmq-tools ${names})
  install(FILES ${dir}/_rmq-tools DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endfunction()

if(CMAKE_SYSTEM_NAME STREQUAL Linux)
  option(UNITS "Install units for systemd" ON)
endif()

function(install_units)
  if(NOT UNITS)
    return()
  endif()
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/)
  install(CODE "set(UNIT_TEMPLATES \"${ARGN}\")
    set(UNIT_SCRATCH \"${CMAKE_BINARY_DIR}/packaging\")
    set(BINDIR \"${CMAKE_INSTALL_BINDIR}\")
    set(PREFIX \"${PROGRAM_PREFIX}\")")
  install(SCRIPT cmake/units.cmake)
endfunction()
