# add_room(TOP ROOM [ROOM...]): the sources of TOP/ROOM as a static library, on top of the rooms that are
# named behind it.  tests/lint/rooms.sh says the same of what they include.
#
#   ROOM_WITHOUT   sources that are left out, because something else is made of them

set(below_lib ${RABBITMQ}) # the codec
set(below_cmd rmq)

# Sets `out` to the library of a room: lib_base for lib/base.
function(room_target out top room)
  string(REPLACE / _ name ${top}_${room})
  set(${out} ${name} PARENT_SCOPE)
endfunction()

function(add_room top room)
  room_target(target ${top} ${room})
  file(GLOB sources CONFIGURE_DEPENDS ${top}/${room}/*.c)
  list(REMOVE_ITEM sources ${ROOM_WITHOUT})
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PRIVATE ${top})
  target_link_libraries(${target} PRIVATE flags ${JANSSON} PUBLIC face ${BSD})
  foreach(below IN LISTS ARGN)
    room_target(below ${top} ${below})
    target_link_libraries(${target} PUBLIC ${below})
  endforeach()
  target_link_libraries(${target} PRIVATE ${below_${top}})
endfunction()
