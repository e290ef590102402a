# The units of systemd, with the paths of this very installation, which --prefix may have changed.
# Wants UNIT_TEMPLATES, UNIT_SCRATCH, BINDIR and PREFIX, before names.
if(NOT IS_ABSOLUTE "${BINDIR}")
  set(BINDIR "${CMAKE_INSTALL_PREFIX}/${BINDIR}")
endif()
foreach(template IN LISTS UNIT_TEMPLATES)
  get_filename_component(unit "${template}" NAME_WLE)
  configure_file("${template}" "${UNIT_SCRATCH}/${unit}" @ONLY)
  file(INSTALL "${UNIT_SCRATCH}/${unit}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
endforeach()
