/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * page - the files of src/admin/page as the build puts them into the program (embed_page.cmake). Private to src/admin.
 */
#ifndef COMPLYD_ADMIN_PAGE_H
#define COMPLYD_ADMIN_PAGE_H

#include <stddef.h>

struct page_file {
    const char *name; /* "shell.html" */
    const char *data; /* NUL-terminated */
    size_t length;
};

extern const struct page_file page_files[];
extern const size_t page_file_count;

#endif
