/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/guid.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"

/* getrandom(2) of up to 256 bytes is never cut short nor interrupted once the kernel's pool is ready. */
enum { BLOCK = 256 };

struct pool {
    uint8_t bytes[BLOCK];
    size_t left;
};

static _Thread_local struct pool pool;

static void refill(void)
{
    ssize_t got;

    do
        got = getrandom(pool.bytes, BLOCK, 0);
    while (got < 0 && errno == EINTR);
    /* No fallback: guessable identifiers and cookies would be worse than no daemon. */
    if (got != BLOCK)
        abort();
    pool.left = BLOCK;
}

static void take(void *out, size_t length)
{
    uint8_t *taken;

    if (pool.left < length)
        refill();
    taken = pool.bytes + BLOCK - pool.left;
    memcpy(out, taken, length);
    explicit_bzero(taken, length);
    pool.left -= length;
}

void guid_random(struct guid *ret_guid)
{
    take(ret_guid->bytes, sizeof(ret_guid->bytes));
    ret_guid->bytes[6] = (uint8_t)((ret_guid->bytes[6] & 0x0F) | 0x40); /* version 4 */
    ret_guid->bytes[8] = (uint8_t)((ret_guid->bytes[8] & 0x3F) | 0x80); /* variant 1 */
}

uint64_t guid_random_u64(void)
{
    uint64_t bits;

    take(&bits, sizeof(bits));
    return bits;
}

/* A hyphen stands in front of these bytes. */
static int hyphen_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

const char *guid_format(const struct guid *guid, char text[GUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    char *p = text;

    for (size_t i = 0; i < sizeof(guid->bytes); i++) {
        if (hyphen_before(i))
            *p++ = '-';
        *p++ = hex[guid->bytes[i] >> 4];
        *p++ = hex[guid->bytes[i] & 15];
    }
    *p = '\0';
    return text;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int guid_parse(const char *text, struct guid *ret_guid)
{
    struct guid guid;

    if (text == NULL)
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof(guid.bytes); i++) {
        int high, low;

        if (hyphen_before(i) && *text++ != '-')
            return ERR_INVALID;
        high = hex_value(text[0]);
        low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0)
            return ERR_INVALID;
        guid.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text != '\0')
        return ERR_INVALID;
    *ret_guid = guid;
    return 0;
}

bool guid_is_valid(const char *text)
{
    struct guid guid;

    return guid_parse(text, &guid) == 0;
}
