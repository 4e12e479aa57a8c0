/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/locate.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/say.h"
#include "store/activity_verify.h"

enum { FINDINGS_MAX = 100 };

/* What was found, and how far the look is. */
struct verification {
    struct progress progress;
    struct buf findings; /* a line each */
    int64_t count;
    struct activity_anchors anchors;
    struct activity_check check;
};

/* ---- anchors ---- */

static int read_anchor(const struct invocation *invocation, struct activity_anchors *anchors, struct error *err)
{
    const char *text = invocation->option[OPTION_ANCHOR];
    FILE *from;
    int result;

    if (text == NULL)
        return 0;
    from = text[0] != '\0' ? fmemopen((void *)(uintptr_t)text, strlen(text), "r") : NULL;
    result = from != NULL ? activity_anchors_read(from, anchors, err) : 0;
    if (from != NULL)
        fclose(from);
    if (result != 0)
        return failure_error(invocation, err);
    if (anchors->count != 1)
        return failure_say(invocation, EX_USAGE, "--anchor %s: ID:HASH is wanted, as the log has it (anchor=...)",
                           text);
    return 0;
}

static int read_anchors(const struct invocation *invocation, struct activity_anchors *anchors, struct error *err)
{
    const char *path = invocation->option[OPTION_ANCHORS];
    FILE *from;
    int result;

    if (path == NULL)
        return 0;
    from = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (from == NULL)
        return failure_say(invocation, errno == EACCES ? EX_NOPERM : EX_NOINPUT, "%s: %s", path, strerror(errno));
    result = activity_anchors_read(from, anchors, err);
    if (from != stdin)
        fclose(from);
    if (result != 0)
        return failure_error(invocation, err);
    if (anchors->count == 0)
        return failure_say(invocation, EX_DATAERR, "%s: no anchor (anchor=ID:HASH) is in it", path);
    return 0;
}

/* ---- looking ---- */

static void on_finding(void *ctx, const char *text)
{
    struct verification *verification = ctx;

    if (verification->count++ < FINDINGS_MAX)
        buf_addf(&verification->findings, "%s\n", text);
}

static void on_progress(void *ctx, int64_t done, int64_t total)
{
    progress_update(&((struct verification *)ctx)->progress, done, total, "entries");
}

/* Who gave anchors wants to know that the log is the one they come from. */
static void judge_anchors(struct verification *verification)
{
    const struct activity_check *check = &verification->check;

    if (check->anchors_too_old > 0 && check->anchors_met == 0 && verification->count == 0)
        on_finding(verification,
                   "no anchor could be compared: retention has purged the entries that they name; use a newer one");
}

static int verify(const struct invocation *invocation, struct database *database, struct verification *verification)
{
    struct error err = {0};
    int result;

    progress_start(&verification->progress, invocation->err, "verify", command_has(invocation, OPTION_JSON));
    result = activity_verify(database, &verification->anchors, on_finding, on_progress, verification,
                             &verification->check, &err);
    progress_end(&verification->progress);
    if (result == ERR_STORE_CORRUPT)
        on_finding(verification, error_text(&err));
    else if (result != 0)
        return failure_error(invocation, &err);
    judge_anchors(verification);
    return 0;
}

/* ---- telling ---- */

static void add_json_findings(struct buf *out, const char *findings)
{
    for (const char *line = findings; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char *finding = strndup(line, strcspn(line, "\n"));

        if (line != findings)
            buf_add_char(out, ',');
        buf_add_json_string(out, finding);
        free(finding);
    }
}

static void tell_json(const struct verification *verification, const char *path, FILE *to)
{
    const struct activity_check *check = &verification->check;
    char anchor[ACTIVITY_ANCHOR_TEXT], first[CLOCK_TEXT], last[CLOCK_TEXT];
    struct buf out;

    buf_init(&out, 0);
    buf_add_text(&out, "{\"store\":");
    buf_add_json_string(&out, path);
    buf_addf(&out,
             ",\"sound\":%s,\"entries\":%lld,\"first\":%lld,\"last\":%lld,\"first_time\":\"%s\",\"last_time\":\"%s\","
             "\"purged\":%lld,\"anchor\":\"%s\",\"anchors_met\":%zu,\"anchors_too_old\":%zu,\"finding_count\":%lld,"
             "\"findings\":[",
             verification->count == 0 ? "true" : "false", (long long)check->entries, (long long)check->first_id,
             (long long)check->last_id, check->entries > 0 ? clock_format_ms(check->first_ms, first) : "",
             check->entries > 0 ? clock_format_ms(check->last_ms, last) : "", (long long)check->purged,
             activity_anchor(check->last_id, check->last_hash, anchor), check->anchors_met, check->anchors_too_old,
             (long long)verification->count);
    add_json_findings(&out, buf_text(&verification->findings));
    buf_add_text(&out, "]}\n");
    fputs(buf_text(&out), to);
    buf_deinit(&out);
}

static void tell_extent(const struct activity_check *check, FILE *to)
{
    char time[CLOCK_TEXT];
    struct buf text;

    buf_init(&text, 0);
    output_count(&text, check->entries);
    buf_addf(&text, " %s", say(check->entries == 1 ? "entry" : "entries"));
    if (check->entries > 0) {
        buf_addf(&text, ", %lld (%s)", (long long)check->first_id, clock_format_ms(check->first_ms, time));
        buf_addf(&text, say(" to %lld (%s)"), (long long)check->last_id, clock_format_ms(check->last_ms, time));
    }
    if (check->purged > 0)
        buf_addf(&text, say("; those up to %lld were purged for their age"), (long long)check->purged);
    fprintf(to, "  %s\n", buf_text(&text));
    buf_deinit(&text);
}

static void tell_anchors(const struct verification *verification, FILE *to)
{
    const struct activity_check *check = &verification->check;
    char anchor[ACTIVITY_ANCHOR_TEXT];

    if (verification->anchors.count == 0)
        fprintf(to, "  %s\n",
                say("no anchor was given: an end that was cut off, or a log written anew, does not show without one"));
    else
        fprintf(to, say("  %zu of %zu anchors met%s\n"), check->anchors_met, verification->anchors.count,
                check->anchors_too_old > 0 ? say("; the others are older than the log") : "");
    if (check->last_id > 0)
        fprintf(to, say("  newest entry: %s\n"), activity_anchor(check->last_id, check->last_hash, anchor));
}

static void tell_people(const struct verification *verification, const char *path, FILE *to)
{
    output_text(to, path);
    fputs(say(verification->count == 0 ? ": the activity log is sound\n" : ": THE ACTIVITY LOG WAS TAMPERED WITH\n"),
          to);
    for (const char *line = buf_text(&verification->findings); *line != '\0'; line += strcspn(line, "\n") + 1)
        fprintf(to, "  %.*s\n", (int)strcspn(line, "\n"), line);
    if (verification->count > FINDINGS_MAX)
        fprintf(to, say("  and %lld more\n"), (long long)verification->count - FINDINGS_MAX);
    tell_extent(&verification->check, to);
    if (verification->count == 0)
        tell_anchors(verification, to);
}

/* ---- the command ---- */

static int run(const struct invocation *invocation, struct verification *verification)
{
    struct database *database = NULL;
    struct error err = {0};
    char *path = NULL;
    int result = read_anchor(invocation, &verification->anchors, &err);

    if (result == 0)
        result = read_anchors(invocation, &verification->anchors, &err);
    if (result != 0)
        return result;
    if (locate_store(invocation, &path, &err) != 0 || database_open_copy(path, &database, &err) != 0)
        result = failure_error(invocation, &err);
    if (result == 0)
        result = verify(invocation, database, verification);
    if (result == 0) {
        (command_has(invocation, OPTION_JSON) ? tell_json : tell_people)(verification, path, invocation->out);
        result = verification->count == 0 ? EX_OK : EX_DATAERR;
    }
    database_close(database);
    free(path);
    return result;
}

int activity_verify_run(const struct invocation *invocation)
{
    struct verification verification = {0};
    int result;

    buf_init(&verification.findings, 0);
    result = run(invocation, &verification);
    buf_deinit(&verification.findings);
    activity_anchors_deinit(&verification.anchors);
    return result;
}
