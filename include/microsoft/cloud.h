/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * cloud - which hosts belong together: tokens of one Microsoft cloud never go to a host of another. Pure.
 *
 * Source: microsoft.md section 5. Authority and Graph are fixed by the configuration; what Graph names beyond that (the
 * partner service, further pages) is held against Graph's own address: hosts of the global cloud, of the US
 * government's (L4 and L5 share their Intune) and of 21Vianet's in China belong to their cloud alone. A custom Graph of
 * none of them may name any host that is of none of them either.
 */
#ifndef COMPLYD_MICROSOFT_CLOUD_H
#define COMPLYD_MICROSOFT_CLOUD_H

#include <stdbool.h>

/* True when a service at `url` may be told by a Graph at `graph_url`, both https. */
bool cloud_is_same(const char *graph_url, const char *url);

/* True when `url` is below graph_url: the next page gets our token, so it must be Graph that serves it. */
bool cloud_is_graphs_own(const char *graph_url, const char *url);

#endif
