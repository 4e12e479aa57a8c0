/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>

#include "daemon_internal.h"

struct generation *generation_new(struct settings *settings)
{
    struct generation *generation = calloc(1, sizeof(*generation));
    if (generation) {
        generation->settings = settings;
        generation->users = 1;
    }
    return generation;
}

struct generation *generation_keep(struct generation *generation)
{
    generation->users++;
    return generation;
}

void generation_release(struct generation *generation)
{
    if (generation && --generation->users == 0) {
        settings_free(generation->settings);
        free(generation);
    }
}
