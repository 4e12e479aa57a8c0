/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/progress.h"

#include "base/duration.h"
#include "ctl/output.h"
#include "ctl/say.h"

enum { DRAW_EVERY_MS = 100, BAR_MIN = 10, BAR_MAX = 40 };

void progress_start(struct progress *progress, FILE *to, const char *label, bool quiet)
{
    *progress = (struct progress){.to = to, .label = label, .clock = clock_system()};
    progress->shown = !quiet && output_terminal_width(to) > 0;
    progress->started_ms = clock_monotonic_ms(progress->clock);
    progress->drawn_ms = progress->started_ms - DRAW_EVERY_MS;
}

void progress_update(struct progress *progress, int64_t done, int64_t total, const char *unit)
{
    int64_t now_ms;
    struct buf line;

    if (!progress->shown)
        return;
    now_ms = clock_monotonic_ms(progress->clock);
    if (now_ms - progress->drawn_ms < DRAW_EVERY_MS)
        return;
    progress->drawn_ms = now_ms;
    buf_init(&line, 0);
    progress_format(&line, progress->label, done, total, unit, now_ms - progress->started_ms,
                    output_terminal_width(progress->to));
    fprintf(progress->to, "\r%s\033[K", buf_text(&line));
    fflush(progress->to);
    progress->drawn = true;
    buf_deinit(&line);
}

void progress_end(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\033[K", progress->to);
    fflush(progress->to);
    progress->drawn = false;
}

static void add_bar(struct buf *buf, int64_t done, int64_t total, size_t columns)
{
    size_t filled = (size_t)((double)columns * (double)done / (double)total);

    buf_add_char(buf, '[');
    for (size_t i = 0; i < columns; i++)
        buf_add_char(buf, i < filled ? '#' : '.');
    buf_addf(buf, "] %3d %%", (int)(100.0 * (double)done / (double)total));
}

void progress_format(struct buf *buf, const char *label, int64_t done, int64_t total, const char *unit,
                     int64_t elapsed_ms, size_t columns)
{
    char elapsed[DURATION_TEXT];
    struct buf figures;
    size_t fixed;

    if (total > 0 && done > total)
        done = total;
    buf_init(&figures, 0);
    output_count(&figures, done);
    if (total > 0) {
        buf_addf(&figures, " %s ", say("of"));
        output_count(&figures, total);
    }
    buf_addf(&figures, " %s  %s", say(unit), duration_format(elapsed_ms / 1000 * 1000, elapsed));

    label = say(label);
    fixed = output_width(label) + 1 + 2 + 6 + 2 + output_width(buf_text(&figures)) + 1;
    buf_addf(buf, "%s ", label);
    if (total > 0 && columns >= fixed + BAR_MIN) {
        add_bar(buf, done, total, columns - fixed < BAR_MAX ? columns - fixed : BAR_MAX);
        buf_add_text(buf, "  ");
    }
    buf_add_text(buf, buf_text(&figures));
    buf_deinit(&figures);
}
