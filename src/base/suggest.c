/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/suggest.h"

#include <string.h>

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[SUGGEST_WORD_MAX + 1][SUGGEST_WORD_MAX + 1];
    size_t a_length = strlen(a), b_length = strlen(b);

    if (a_length > SUGGEST_WORD_MAX || b_length > SUGGEST_WORD_MAX)
        return SUGGEST_WORD_MAX;
    for (size_t i = 0; i <= a_length; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            rows[i][j] = min_of(change, min_of(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                rows[i][j] = min_of(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    return rows[a_length][b_length];
}

const char *suggest_word(const char *typed, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t best_distance = strlen(typed) < 4 ? 2 : 3; /* one or two slips */

    for (size_t i = 0; i < count; i++) {
        size_t slips = distance(typed, words[i]);

        if (slips < best_distance) {
            best = words[i];
            best_distance = slips;
        }
    }
    return best;
}
