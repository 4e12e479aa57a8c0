/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "import_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/import.h"

enum { CAPACITY = IMPORT_LINE_MAX + 1 }; /* a longest line and its end */

static int copy(FILE *in, FILE *out, struct error *err)
{
    char chunk[16384];
    size_t length;

    while ((length = fread(chunk, 1, sizeof(chunk), in)) > 0) {
        if (fwrite(chunk, 1, length, out) != length)
            return error_set(err, ERR_IO, errno, "temporary copy of the input: %s", strerror(errno));
    }
    if (ferror(in))
        return error_set(err, ERR_IO, errno, "reading: %s", strerror(errno));
    if (fflush(out) != 0 || fseek(out, 0, SEEK_SET) != 0)
        return error_set(err, ERR_IO, errno, "temporary copy of the input: %s", strerror(errno));
    return 0;
}

static int spool(struct import_reader *reader, FILE *in, struct error *err)
{
    reader->spool = tmpfile();
    if (!reader->spool)
        return error_set(err, ERR_IO, errno, "temporary copy of the input: %s", strerror(errno));
    reader->in = reader->spool;
    return copy(in, reader->spool, err);
}

static bool can_be_read_twice(FILE *in)
{
    struct stat status;
    int fd = fileno(in);

    return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && ftello(in) >= 0;
}

/* Moves what is left to the front and fills the rest. */
static int fill(struct import_reader *reader, struct error *err)
{
    size_t left = reader->end - reader->start;

    memmove(reader->data, reader->data + reader->start, left);
    size_t length = fread(reader->data + left, 1, CAPACITY - left, reader->in);
    reader->start = 0;
    reader->end = left + length;
    reader->data[reader->end] = '\0';
    if (ferror(reader->in))
        return error_set(err, ERR_IO, errno, "reading: %s", strerror(errno));
    reader->at_end = reader->end < CAPACITY;
    return 0;
}

int import_reader_open(struct import_reader *reader, FILE *in, struct error *err)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";

    *reader = (struct import_reader){.in = in, .data = malloc(CAPACITY + 1), .record = malloc(CAPACITY + 1)};
    if (!reader->data || !reader->record)
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    int code = can_be_read_twice(in) ? 0 : spool(reader, in, err);
    if (code == 0) {
        reader->base = ftello(reader->in);
        code = fill(reader, err);
    }
    if (code == 0 && strncmp(reader->data, byte_order_mark, 3) == 0)
        reader->offset = (int64_t)(reader->start = 3);
    return code;
}

void import_reader_close(struct import_reader *reader)
{
    free(reader->data);
    free(reader->record);
    if (reader->spool)
        fclose(reader->spool);
    *reader = (struct import_reader){0};
}

int import_reader_next(struct import_reader *reader, const char **ret_text, size_t *ret_length, int64_t *ret_offset,
                       struct error *err)
{
    const char *text = reader->data + reader->start;
    const char *newline = memchr(text, '\n', reader->end - reader->start);

    if (!newline && !reader->at_end) {
        int code = fill(reader, err);
        if (code < 0)
            return code;
        text = reader->data;
        newline = memchr(text, '\n', reader->end);
    }
    size_t length = newline ? (size_t)(newline - text) + 1 : reader->end - reader->start;
    if (length - (newline != NULL) > IMPORT_LINE_MAX)
        return error_set(err, ERR_TOOBIG, 0, "the line is longer than %d bytes", (int)IMPORT_LINE_MAX);
    *ret_text = text;
    *ret_length = length;
    *ret_offset = reader->offset;
    reader->start += length;
    reader->offset += (int64_t)length;
    return length > 0;
}

int import_reader_at(struct import_reader *reader, int64_t offset, size_t length, const char **ret_text,
                     struct error *err)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count =
            pread(fileno(reader->in), reader->record + done, length - done, reader->base + offset + (int64_t)done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return error_set(err, ERR_IO, errno, "reading: %s",
                             count < 0 ? strerror(errno) : "the file became shorter");
        done += (size_t)count;
    }
    reader->record[length] = '\0';
    *ret_text = reader->record;
    return 0;
}
