/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/retire.h"

#include <stdio.h>

#include "database_internal.h"
#include "outbox_internal.h"
#include "settle.h"
#include "statement.h"
#include "subject.h"

/* 0 when it may be done. */
static int check(const struct retire *retire, const struct subject *subject, struct error *err)
{
    if (!subject->exists)
        return error_set(err, ERR_NOTFOUND, 0, "there is no device '%s'", retire->device_id);
    if (retire->revive)
        return subject->retired ? 0 : error_set(err, ERR_EXISTS, 0, "device '%s' is not retired", retire->device_id);
    if (subject->retired)
        return error_set(err, ERR_EXISTS, 0, "device '%s' is retired already", retire->device_id);
    if (subject->held)
        return error_set(err, ERR_EXISTS, 0, "device '%s' is held at its state: end the hold first (complyctl holds)",
                         retire->device_id);
    if (!subject->azure_device_id[0])
        return error_set(err, ERR_EXISTS, 0, "device '%s' has no valid Azure device id: there is nothing to retire",
                         retire->device_id);
    return 0;
}

static int write_row(const struct retire *retire, struct database *database, const char *azure_id, struct error *err)
{
    static const char insert[] =
        "REPLACE INTO retired (device_id, azure_device_id, retired_at_ms, actor) VALUES (?, ?, ?, ?)";
    static const char remove[] = "DELETE FROM retired WHERE device_id = ?";

    if (retire->revive)
        return statement_run(database, remove, err, "t", retire->device_id);
    return statement_run(database, insert, err, "ttit", retire->device_id, azure_id, retire->now_ms, retire->actor);
}

static int run_retire(struct store_job *job, struct database *database, struct error *err)
{
    static const char force[] = "UPDATE outbox SET forced = max(forced, ?) WHERE device_id = ?";
    const struct retire *retire = (const struct retire *)job;
    struct subject subject;
    char azure_id[GUID_TEXT];

    int code = subject_load(database, retire->device_id, &subject, err);
    if (code < 0)
        return code;
    code = check(retire, &subject, err);
    snprintf(azure_id, sizeof(azure_id), "%s", subject.azure_device_id);
    subject_release(&subject);
    if (code == 0)
        code = write_row(retire, database, azure_id, err);
    if (code == 0)
        code = settle_queue(database, retire->device_id, err);
    if (code == 0)
        code = statement_run(database, force, err, "dt", retire->one_of_many ? (int)FORCED_WALK : (int)FORCED_OPERATOR,
                             retire->device_id);
    return code;
}

void retire_init(struct retire *retire, const char *device_id, void (*done)(struct store_job *job))
{
    *retire = (struct retire){.job = {.write = true, .run = run_retire, .done = done}};
    snprintf(retire->device_id, sizeof(retire->device_id), "%s", device_id);
}
