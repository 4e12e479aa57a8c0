/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* Whose sample: what the loops over the dimensions have arrived at. */
struct place {
    const struct exposition_family *family;
    const void *ctx;
    unsigned at[EXPOSITION_DIMENSIONS];
};

/* `label="text"` with what would end it early escaped. */
static void add_label(struct buf *out, bool first, const char *label, const char *text)
{
    buf_addf(out, "%s%s=\"", first ? "{" : ",", label);
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            buf_add_text(out, "\\n");
        else if (*text == '"' || *text == '\\')
            buf_addf(out, "\\%c", *text);
        else
            buf_add_char(out, *text);
    }
    buf_add_char(out, '"');
}

/* With `bound` (NULL = none) as the last label. */
static void add_labels(struct buf *out, const struct place *place, const char *bound)
{
    const struct exposition_dimension *const *by = place->family->by;
    unsigned i = 0;

    for (; i < EXPOSITION_DIMENSIONS && by[i] != NULL; i++)
        add_label(out, i == 0, by[i]->label, by[i]->word(place->ctx, place->at[i]));
    if (bound != NULL)
        add_label(out, i == 0, "le", bound);
    if (i > 0 || bound != NULL)
        buf_add_char(out, '}');
}

/* Fifteen digits: what a double holds for sure, and a time of milliseconds needs thirteen. */
static void add_value(struct buf *out, double value)
{
    buf_addf(out, " %.15g\n", value);
}

static void add_bucket(struct buf *out, const struct place *place, const char *bound, uint64_t count)
{
    buf_addf(out, "%s_bucket", place->family->name);
    add_labels(out, place, bound);
    buf_addf(out, " %" PRIu64 "\n", count);
}

static void add_histogram(struct buf *out, const struct place *place, const struct histogram *histogram)
{
    const struct histogram_bounds *bounds = histogram->bounds;
    uint64_t below = 0;
    char bound[32];

    for (unsigned i = 0; i < bounds->count; i++) {
        below += histogram->counts[i];
        snprintf(bound, sizeof(bound), "%.15g", bounds->at[i]);
        add_bucket(out, place, bound, below);
    }
    below += histogram->counts[bounds->count];
    add_bucket(out, place, "+Inf", below);
    buf_addf(out, "%s_sum", place->family->name);
    add_labels(out, place, NULL);
    add_value(out, histogram->sum);
    buf_addf(out, "%s_count", place->family->name);
    add_labels(out, place, NULL);
    buf_addf(out, " %" PRIu64 "\n", below);
}

static void add_sample(struct buf *out, const struct place *place)
{
    if (place->family->type == EXPOSITION_HISTOGRAM) {
        const struct histogram *histogram = place->family->histogram(place->ctx, place->at);
        if (histogram != NULL)
            add_histogram(out, place, histogram);
        return;
    }
    double value = place->family->value(place->ctx, place->at);
    if (isnan(value))
        return;
    buf_add_text(out, place->family->name);
    add_labels(out, place, NULL);
    add_value(out, value);
}

static unsigned count_of(const struct exposition_dimension *dimension, const void *ctx)
{
    return dimension->counted != NULL ? dimension->counted(ctx) : dimension->count;
}

/* The next combination, the last dimension running fastest; false after the last one. */
static bool step(struct place *place)
{
    const struct exposition_dimension *const *by = place->family->by;
    unsigned i = 0;

    while (i < EXPOSITION_DIMENSIONS && by[i] != NULL)
        i++;
    while (i > 0) {
        i--;
        if (++place->at[i] < count_of(by[i], place->ctx))
            return true;
        place->at[i] = 0;
    }
    return false;
}

static bool is_empty(const struct place *place)
{
    const struct exposition_dimension *const *by = place->family->by;

    for (unsigned i = 0; i < EXPOSITION_DIMENSIONS && by[i] != NULL; i++) {
        if (count_of(by[i], place->ctx) == 0)
            return true;
    }
    return false;
}

void exposition_add(struct buf *out, const struct exposition_family *family, const void *ctx)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    struct place place = {.family = family, .ctx = ctx};

    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, types[family->type]);
    if (is_empty(&place))
        return;
    do
        add_sample(out, &place);
    while (step(&place));
}
