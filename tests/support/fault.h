/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fault - makes the n-th allocation of our own code fail.
 *
 * A program built with complyd_fault_unit() (tests/support/fault.cmake) has malloc, calloc, realloc, strdup, strndup
 * and mmap of the folders it links wrapped by the linker; shared libraries keep theirs. Use it as
 *
 *     for (unsigned n = 0;; n++) {
 *         fault_arm(n, FAULT_ONCE);
 *         r = thing_new(&thing);
 *         if (!fault_disarm())
 *             break;                          // fewer than n+1 allocations: the run passed untouched
 *         assert_int_equal(r, ERR_NOMEM);     // and AddressSanitizer tells of what leaked
 *     }
 *     assert_int_equal(r, 0);
 *
 * Thread    any; the count is one for the whole process.
 */
#ifndef COMPLYD_TESTS_FAULT_H
#define COMPLYD_TESTS_FAULT_H

#include <stdbool.h>

enum fault_mode {
    FAULT_ONCE, /* the n-th alone fails: what follows can allocate again */
    FAULT_STAYS /* it and all later ones fail: nothing on the way out may need memory */
};

/* From now on allocation n (0 = the next) fails. */
void fault_arm(unsigned n, enum fault_mode mode);

/* Allocations work again; true if at least one was made to fail. */
bool fault_disarm(void);

#endif
