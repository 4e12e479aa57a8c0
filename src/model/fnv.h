/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fnv - 64-bit FNV-1a, the digest of device and report. Internal to model.
 */
#ifndef COMPLYD_MODEL_FNV_H
#define COMPLYD_MODEL_FNV_H

#include <stdint.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t fnv_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001b3);
}

/* With the terminating NUL, so that ("ab", "c") differs from ("a", "bc"). */
static inline uint64_t fnv_text(uint64_t hash, const char *text)
{
    do
        hash = fnv_byte(hash, (unsigned char)*text);
    while (*text++ != '\0');
    return hash;
}

/* Low byte first, whatever the machine. */
static inline uint64_t fnv_int(uint64_t hash, int64_t value)
{
    for (int shift = 0; shift < 64; shift += 8)
        hash = fnv_byte(hash, (unsigned char)((uint64_t)value >> shift));
    return hash;
}

/* 0 means "no digest" where digests are kept. */
static inline uint64_t fnv_end(uint64_t hash)
{
    return hash != 0 ? hash : 1;
}

#endif
