# SPDX-License-Identifier: Apache-2.0
# cmake -DOUTPUT=schema.c -DINPUTS=001.sql;002.sql -P embed_schema.cmake
list(SORT INPUTS)
set(arrays "")
set(table "")
foreach(input IN LISTS INPUTS)
  get_filename_component(version ${input} NAME_WE)
  file(READ ${input} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const char schema_${version}[] = {${bytes}0};\n")
  string(APPEND table "    schema_${version},\n")
endforeach()
list(LENGTH INPUTS count)
file(WRITE ${OUTPUT}
  "/* Made from src/store/schema by embed_schema.cmake. */\n#include \"schema.h\"\n\n${arrays}\n"
  "const char *const schema_scripts[] = {\n${table}};\nconst int schema_count = ${count};\n")
