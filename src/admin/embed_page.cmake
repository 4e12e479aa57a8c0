# SPDX-License-Identifier: Apache-2.0
# cmake -DOUTPUT=page_files.c "-DINPUTS=a.html;b.js" -P embed_page.cmake
list(SORT INPUTS)
set(arrays "")
set(table "")
set(count 0)
foreach(input IN LISTS INPUTS)
  get_filename_component(name ${input} NAME)
  file(READ ${input} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char file_${count}[] = {${bytes}0};\n")
  string(APPEND table "    {\"${name}\", (const char *)file_${count}, sizeof(file_${count}) - 1},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUTPUT}
  "/* Made from src/admin/page by embed_page.cmake. */\n#include \"page.h\"\n\n${arrays}\n"
  "const struct page_file page_files[] = {\n${table}};\nconst size_t page_file_count = ${count};\n")
