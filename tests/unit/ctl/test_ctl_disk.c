/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "ctl/findings.h"

/* Under 64 MiB changes cannot be written for long, whatever the disk's size. */
static void full(void **state)
{
    (void)state;
    assert_int_equal(findings_of_disk(0, 0), FOUND_DISK_FULL);
    assert_int_equal(findings_of_disk(63, 100), FOUND_DISK_FULL);
    assert_int_equal(findings_of_disk(63, 1000 * 1000), FOUND_DISK_FULL);
}

/* Under 1 GiB, and under a twentieth of the disk. */
static void low(void **state)
{
    (void)state;
    assert_int_equal(findings_of_disk(64, 10000), FOUND_DISK_LOW);
    assert_int_equal(findings_of_disk(499, 10000), FOUND_DISK_LOW);
    assert_int_equal(findings_of_disk(1023, 1000 * 1000), FOUND_DISK_LOW);
}

static void well(void **state)
{
    (void)state;
    assert_int_equal(findings_of_disk(64, 100), FOUND_WELL); /* a small disk with nothing on it */
    assert_int_equal(findings_of_disk(500, 10000), FOUND_WELL);
    assert_int_equal(findings_of_disk(1024, 1000 * 1000), FOUND_WELL); /* a large one, of which little is much */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(full), cmocka_unit_test(low), cmocka_unit_test(well)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
