/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "visitor.h"

#include <stdlib.h>
#include <sys/socket.h>

static void append(struct visitor_list *list, struct visitor *visitor)
{
    visitor->prev = list->last;
    visitor->next = NULL;
    if (list->last != NULL)
        list->last->next = visitor;
    else
        list->first = visitor;
    list->last = visitor;
    list->count++;
}

static void cut_out(struct visitor_list *list, struct visitor *visitor)
{
    if (visitor->prev != NULL)
        visitor->prev->next = visitor->next;
    else
        list->first = visitor->next;
    if (visitor->next != NULL)
        visitor->next->prev = visitor->prev;
    else
        list->last = visitor->prev;
    list->count--;
}

/* libmicrohttpd owns the descriptor and closes it when it sees the end that this makes. */
static void close_longest_idle(struct visitor_list *list)
{
    for (struct visitor *visitor = list->first; visitor != NULL; visitor = visitor->next) {
        if (!visitor->busy && !visitor->closed) {
            visitor->closed = true;
            shutdown(visitor->fd, SHUT_RDWR);
            return;
        }
    }
}

struct visitor *visitor_enter(struct visitor_list *list, int fd)
{
    struct visitor *visitor = calloc(1, sizeof(*visitor));

    if (visitor == NULL)
        return NULL;
    visitor->fd = fd;
    if (list->count >= VISITOR_MAX)
        close_longest_idle(list);
    append(list, visitor);
    return visitor;
}

void visitor_leave(struct visitor_list *list, struct visitor *visitor)
{
    if (visitor == NULL)
        return;
    cut_out(list, visitor);
    free(visitor);
}

void visitor_work(struct visitor *visitor)
{
    if (visitor != NULL)
        visitor->busy = true;
}

void visitor_idle(struct visitor_list *list, struct visitor *visitor)
{
    if (visitor == NULL)
        return;
    visitor->busy = false;
    cut_out(list, visitor);
    append(list, visitor);
}
