/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * visitor - the open connections of the control socket, those that wait longest for a request of theirs first. Private
 * to src/admin.
 *
 * When they grow too many the one that has idled longest is closed to make room: whoever opens a thousand connections
 * and says nothing cannot keep an operator out.
 */
#ifndef COMPLYD_ADMIN_VISITOR_H
#define COMPLYD_ADMIN_VISITOR_H

#include <stdbool.h>
#include <stddef.h>

enum { VISITOR_MAX = 60 }; /* idle ones are closed above; libmicrohttpd's own limit is a little higher */

struct visitor {
    struct visitor *prev, *next;
    int fd;
    bool busy;   /* its request has come and is not answered yet */
    bool closed; /* told to go */
};

struct visitor_list {
    struct visitor *first, *last;
    size_t count;
};

/* A new connection; NULL without memory. May close another one. */
struct visitor *visitor_enter(struct visitor_list *list, int fd);
void visitor_leave(struct visitor_list *list, struct visitor *visitor); /* NULL is fine; frees it */

/* Its request is complete; its answer is sent. NULL is fine. */
void visitor_work(struct visitor *visitor);
void visitor_idle(struct visitor_list *list, struct visitor *visitor);

#endif
