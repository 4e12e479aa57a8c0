/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * textfile - reads a small file whose mode is not ours to judge: certificates, projected tokens. Private to
 * src/microsoft.
 */
#ifndef COMPLYD_MICROSOFT_TEXTFILE_H
#define COMPLYD_MICROSOFT_TEXTFILE_H

#include "base/buf.h"
#include "base/error.h"

enum { TEXTFILE_MAX = 64 * 1024 };

/* Appends the content of a regular file of 1 to TEXTFILE_MAX bytes. ERR_NOTFOUND, ERR_PERMISSION, ERR_INVALID,
 * ERR_TOOBIG, ERR_IO name the file. */
int textfile_read(const char *path, struct buf *content, struct error *err);

#endif
