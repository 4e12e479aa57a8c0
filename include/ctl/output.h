/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * output - text that is safe on a terminal, and how wide it is there.
 *
 * Names come from devices and users: control characters, characters that change the writing direction and broken UTF-8
 * are shown as \x1b or \u{202e}, never sent. Widths are columns of a UTF-8 terminal (combining marks 0, CJK 2).
 */
#ifndef COMPLYD_CTL_OUTPUT_H
#define COMPLYD_CTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

/* Once, before any width is asked: widths need a UTF-8 character table whatever the operator's locale is. */
void output_init(void);

/* Appends text, made safe. NULL is "". */
void output_escape(struct buf *buf, const char *text);

/* Columns of well-formed, escaped text. */
size_t output_width(const char *text);

/* Appends as much of escaped text as fits `columns`, with an ellipsis when something was cut. */
void output_cut(struct buf *buf, const char *text, size_t columns);

/* Writes text, made safe. */
void output_text(FILE *out, const char *text);

/* Columns of the terminal behind `out`; 0 when it is none. */
size_t output_terminal_width(FILE *out);

enum output_style { OUTPUT_PLAIN, OUTPUT_STRONG, OUTPUT_GOOD, OUTPUT_WARN, OUTPUT_BAD, OUTPUT_FAINT };

/* On a terminal that knows colours, unless NO_COLOR (no-color.org) asks for none. */
bool output_has_colours(FILE *out);

/* How a state, a status or the like is shown: by what the word means. */
enum output_style output_style_of(const char *word);

/* Appends escaped text in a style. */
void output_paint(struct buf *buf, const char *text, enum output_style style);

/* Writes text, made safe, in a style where there are colours. */
void output_styled(FILE *out, const char *text, enum output_style style);

/* A heading on a line of its own. */
void output_heading(FILE *out, const char *text);

/* A line "  left   text" of a list, the text broken at blanks on a terminal. */
void output_entry(FILE *out, const char *left, size_t width, const char *text);

/* A line "label   value" of a sheet; a blank value shows as "-". The value is made safe, shown in the style of its
 * word, and on a terminal broken at blanks. */
void output_field(FILE *out, const char *label, const char *value);
void output_field_styled(FILE *out, const char *label, const char *value, enum output_style style);

/* Appends the time with how long ago or ahead it is: "2026-02-03T04:05:06.789Z (5m ago)"; "-" for "". */
void output_time(struct buf *buf, const char *time, int64_t now_ms);

/* "1,234,567": numbers that people read. */
void output_count(struct buf *buf, int64_t value);

#endif
