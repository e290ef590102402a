cmake_minimum_required(VERSION 3.22)
# Fills in a page's prose: -DIN= -DOUT= -DOPTIONS= -DPREFIX= -P page.cmake
# @OPTIONS@ what the program said, @PREFIX@ before names, @TITLE@ the same in capitals
file(READ ${IN} page)
file(READ ${OPTIONS} options)
string(REPLACE "@OPTIONS@\n" "${options}" page "${page}")
string(TOUPPER "${PREFIX}" title)
string(REPLACE "@TITLE@" "${title}" page "${page}")
string(REPLACE "@PREFIX@" "${PREFIX}" page "${page}")
file(WRITE ${OUT} "${page}")
