/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * capture - a FILE whose text a test can look at.
 */
#ifndef COMPLYD_TESTS_CTL_CAPTURE_H
#define COMPLYD_TESTS_CTL_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>

struct capture {
    FILE *file;
    char *text;
    size_t length;
};

static inline void capture_start(struct capture *capture)
{
    capture->file = open_memstream(&capture->text, &capture->length);
}

/* What was written so far; valid until the next write. */
static inline const char *capture_text(struct capture *capture)
{
    fflush(capture->file);
    return capture->text;
}

static inline void capture_end(struct capture *capture)
{
    fclose(capture->file);
    free(capture->text);
}

#endif
