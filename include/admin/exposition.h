/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * exposition - metrics as Prometheus reads them (text format 0.0.4): families from a table, each with its dimensions.
 *
 * A family has a sample for every combination of its dimensions; one that has no value there is left out. Pure.
 */
#ifndef COMPLYD_ADMIN_EXPOSITION_H
#define COMPLYD_ADMIN_EXPOSITION_H

#include "base/buf.h"
#include "base/histogram.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum { EXPOSITION_DIMENSIONS = 4 };

/* A label and its values. `ctx` is what is looked at. */
struct exposition_dimension {
    const char *label;
    const char *(*word)(const void *ctx, unsigned index);
    unsigned count;
    unsigned (*counted)(const void *ctx); /* of one whose count is not fixed, instead */
};

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

struct exposition_family {
    const char *name, *help;
    enum exposition_type type;
    const struct exposition_dimension *by[EXPOSITION_DIMENSIONS]; /* up to the first NULL */
    /* Of one combination: at[i] is the index in by[i]. NAN: none. */
    double (*value)(const void *ctx, const unsigned *at);
    const struct histogram *(*histogram)(const void *ctx, const unsigned *at); /* of a histogram instead */
};

void exposition_add(struct buf *out, const struct exposition_family *family, const void *ctx);

#endif
