/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "activity_internal.h"
#include "database_internal.h"
#include "statement.h"

/* Kept with the database's connection: OpenSSL looks up an algorithm slowly. */
struct activity_chain {
    EVP_MD *sha256;
    EVP_MD_CTX *digest;
    struct buf text; /* of one entry */
};

void activity_chain_free(struct activity_chain *chain)
{
    if (!chain)
        return;
    EVP_MD_CTX_free(chain->digest);
    EVP_MD_free(chain->sha256);
    buf_deinit(&chain->text);
    free(chain);
}

static struct activity_chain *get_chain(struct database *database)
{
    if (database->chain)
        return database->chain;
    struct activity_chain *chain = calloc(1, sizeof(*chain));
    if (!chain)
        return NULL;
    buf_init(&chain->text, 0);
    chain->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    chain->digest = EVP_MD_CTX_new();
    if (!chain->sha256 || !chain->digest) {
        activity_chain_free(chain);
        return NULL;
    }
    database->chain = chain;
    return chain;
}

/* ---------------------------------------------------------- one encoding: a letter, a length or a number, the bytes */

static void add_number(struct buf *text, char letter, uint64_t value)
{
    char bytes[9] = {letter};

    for (int i = 8; i > 0; i--, value >>= 8)
        bytes[i] = (char)(unsigned char)(value & 0xff);
    buf_add(text, bytes, sizeof(bytes));
}

static void add_bytes(struct buf *text, char letter, const void *bytes, size_t length)
{
    add_number(text, letter, length);
    if (length > 0)
        buf_add(text, bytes, length);
}

static void add_text(struct buf *text, const char *value)
{
    add_bytes(text, 't', value, value ? strlen(value) : 0);
}

static void add_column(struct buf *text, sqlite3_stmt *row, int column)
{
    const void *bytes;
    double number;
    uint64_t bits;

    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
        add_number(text, 'i', (uint64_t)sqlite3_column_int64(row, column));
        break;
    case SQLITE_TEXT:
        bytes = sqlite3_column_text(row, column);
        add_bytes(text, 't', bytes, (size_t)sqlite3_column_bytes(row, column));
        break;
    case SQLITE_BLOB:
        bytes = sqlite3_column_blob(row, column);
        add_bytes(text, 'b', bytes, (size_t)sqlite3_column_bytes(row, column));
        break;
    case SQLITE_FLOAT: /* never written by us */
        number = sqlite3_column_double(row, column);
        memcpy(&bits, &number, sizeof(bits));
        add_number(text, 'f', bits);
        break;
    default:
        add_number(text, 'n', 0);
    }
}

static void add_entry(struct buf *text, const struct activity_entry *entry)
{
    add_number(text, 'i', (uint64_t)entry->id);
    add_number(text, 'i', (uint64_t)entry->at_ms);
    add_text(text, entry->kind);
    add_text(text, entry->result);
    add_text(text, entry->connection);
    add_text(text, entry->device_id);
    add_text(text, entry->priority);
    add_text(text, entry->cause);
    add_text(text, entry->reason);
    add_text(text, entry->azure_state);
    add_text(text, entry->azure_device_id);
    if (entry->message_id)
        add_bytes(text, 'b', entry->message_id->bytes, sizeof(entry->message_id->bytes));
    else
        add_number(text, 'n', 0);
    add_text(text, entry->request_id);
    add_text(text, entry->actor);
    add_text(text, entry->detail);
}

static struct activity_chain *begin(struct database *database, const uint8_t previous[ACTIVITY_HASH])
{
    struct activity_chain *chain = get_chain(database);

    if (chain) {
        buf_clear(&chain->text);
        add_bytes(&chain->text, 'b', previous, ACTIVITY_HASH);
    }
    return chain;
}

static int finish(struct activity_chain *chain, uint8_t ret_hash[ACTIVITY_HASH], struct error *err)
{
    if (!chain || buf_error(&chain->text) != 0 || EVP_DigestInit_ex(chain->digest, chain->sha256, NULL) != 1 ||
        EVP_DigestUpdate(chain->digest, chain->text.data, chain->text.length) != 1 ||
        EVP_DigestFinal_ex(chain->digest, ret_hash, NULL) != 1)
        return error_set(err, ERR_NOMEM, 0, "activity log: out of memory");
    return 0;
}

int activity_chain_entry(struct database *database, const uint8_t previous[ACTIVITY_HASH],
                         const struct activity_entry *entry, uint8_t ret_hash[ACTIVITY_HASH], struct error *err)
{
    struct activity_chain *chain = begin(database, previous);

    if (chain)
        add_entry(&chain->text, entry);
    return finish(chain, ret_hash, err);
}

int activity_chain_row(struct database *database, const uint8_t previous[ACTIVITY_HASH], sqlite3_stmt *row,
                       uint8_t ret_hash[ACTIVITY_HASH], struct error *err)
{
    struct activity_chain *chain = begin(database, previous);

    for (int i = 0; chain && i < ACTIVITY_COLUMN_COUNT; i++)
        add_column(&chain->text, row, i);
    return finish(chain, ret_hash, err);
}

/* ------------------------------------------------------------------------------------------------- base and head */

void activity_read_hash(sqlite3_stmt *row, int column, uint8_t ret_hash[ACTIVITY_HASH])
{
    const void *bytes = sqlite3_column_blob(row, column);
    size_t length = (size_t)sqlite3_column_bytes(row, column);

    memset(ret_hash, 0, ACTIVITY_HASH);
    if (bytes)
        memcpy(ret_hash, bytes, length < ACTIVITY_HASH ? length : ACTIVITY_HASH);
}

/* 1: there is a row. */
static int read_place(struct database *database, const char *sql, int64_t *ret_id, uint8_t ret_hash[ACTIVITY_HASH],
                      struct error *err)
{
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "");
    if (code == 0)
        code = statement_step(database, row, err);
    if (code != 1)
        return code;
    *ret_id = sqlite3_column_int64(row, 0);
    activity_read_hash(row, 1, ret_hash);
    sqlite3_reset(row);
    return 1;
}

int activity_read_base(struct database *database, int64_t *ret_id, uint8_t ret_hash[ACTIVITY_HASH], struct error *err)
{
    static const char sql[] = "SELECT id, hash FROM activity_base WHERE place = 1";

    *ret_id = 0;
    memset(ret_hash, 0, ACTIVITY_HASH);
    int code = read_place(database, sql, ret_id, ret_hash, err);
    return code < 0 ? code : 0;
}

int activity_read_head(struct database *database, int64_t *ret_id, uint8_t ret_hash[ACTIVITY_HASH], struct error *err)
{
    static const char sql[] = "SELECT id, hash FROM activity WHERE id > 0 ORDER BY id DESC LIMIT 1";

    int code = read_place(database, sql, ret_id, ret_hash, err);
    if (code != 0)
        return code < 0 ? code : 0;
    return activity_read_base(database, ret_id, ret_hash, err);
}
