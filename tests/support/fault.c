/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fault.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

static atomic_long countdown = LONG_MAX; /* allocations still to pass; below 0 they fail */
static atomic_bool struck;
static enum fault_mode armed_mode;

void fault_arm(unsigned n, enum fault_mode mode)
{
    armed_mode = mode;
    atomic_store(&struck, false);
    atomic_store(&countdown, (long)n);
}

bool fault_disarm(void)
{
    atomic_store(&countdown, LONG_MAX);
    return atomic_load(&struck);
}

static bool fails(void)
{
    long left = atomic_fetch_sub(&countdown, 1);

    if (left > 0 || (left < 0 && armed_mode == FAULT_ONCE))
        return false;
    atomic_store(&struck, true);
    errno = ENOMEM;
    return true;
}

/* The linker turns calls of x into __wrap_x, and __real_x into x. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length)
{
    return fails() ? NULL : __real_strndup(text, length);
}

void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(address, length, protection, flags, fd, offset);
}
