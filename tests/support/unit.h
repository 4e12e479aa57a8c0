/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * unit - cmocka with the headers that it wants before its own.
 */
#ifndef COMPLYD_TESTS_UNIT_H
#define COMPLYD_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
