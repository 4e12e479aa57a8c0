/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/database.h"

#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "activity_internal.h"
#include "base/guid.h"
#include "database_internal.h"
#include "schema.h"
#include "statement.h"

enum {
    BUSY_TIMEOUT_MS = 250,
};

static int check_file(const char *path, struct stat *ret_status, struct error *err)
{
    if (stat(path, ret_status) == 0)
        return 0;
    if (errno == ENOENT || errno == ENOTDIR)
        return error_set(err, ERR_NOTFOUND, errno, "store %s does not exist: run \"complyctl store init\"", path);
    return error_set(err, errno == EACCES ? ERR_PERMISSION : ERR_STORE, errno, "store %s: %s", path, strerror(errno));
}

static struct database *new_database(const char *path)
{
    struct database *database = calloc(1, sizeof(*database));
    if (!database)
        return NULL;

    database->path = strdup(path);
    if (!database->path) {
        free(database);
        return NULL;
    }
    database->session = (int64_t)(guid_random_u64() >> 1) | 1;
    return database;
}

/* Once a process. Counting SQLite's memory costs a lock at each allocation, a tenth of the whole work. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int database_open_raw(const char *path, int flags, struct database **ret_database, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct database *database = new_database(path);
    if (!database)
        return error_set(err, ERR_NOMEM, 0, "store %s: out of memory", path);

    pthread_once(&once, configure);
    int result = sqlite3_open_v2(path, &database->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (result != SQLITE_OK) {
        int code = statement_error(database, result, err, NULL);
        database_close(database);
        return code;
    }
    sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
    *ret_database = database;
    return 0;
}

int database_version(struct database *database, int *ret_version, struct error *err)
{
    static const char application[] = "PRAGMA application_id";
    static const char version[] = "PRAGMA user_version";
    static const char tables[] = "SELECT 1 FROM sqlite_schema LIMIT 1";
    int64_t id = 0;
    int64_t number = 0;
    int64_t any = 0;

    int code = statement_int(database, application, &id, err, "");
    if (code >= 0)
        code = statement_int(database, version, &number, err, "");
    if (code >= 0)
        code = statement_int(database, tables, &any, err, "");
    if (code < 0)
        return code;
    if (id != SCHEMA_APPLICATION_ID && any)
        return error_set(err, ERR_STORE_CORRUPT, 0, "%s is a SQLite database, but not a store of complyd",
                         database->path);
    *ret_version = id == SCHEMA_APPLICATION_ID ? (int)number : 0;
    return 0;
}

static int check_version(struct database *database, struct error *err)
{
    int version = 0;
    int code = database_version(database, &version, err);
    if (code < 0 || version == schema_count || database->mode == DATABASE_ANY_VERSION)
        return code;
    if (version > schema_count)
        return error_set(err, ERR_STORE_NEWER, 0,
                         "store %s has schema version %d, this program knows %d: install the newer complyd",
                         database->path, version, schema_count);
    return error_set(err, ERR_STORE_OLDER, 0,
                     "store %s has schema version %d, this program needs %d: run \"complyctl store migrate\"",
                     database->path, version, schema_count);
}

/* SQLite opens what it may not write to for reading only. It would leave side files behind that nobody may write to
 * either. */
static int check_writable(struct database *database, struct error *err)
{
    if (database->mode == DATABASE_READ || sqlite3_db_readonly(database->handle, "main") == 0)
        return 0;
    return error_set(err, ERR_PERMISSION, EACCES, "store %s may not be written to", database->path);
}

static int set_up(struct database *database, struct error *err)
{
    /* Debian's SQLite wipes freed pages too, which doubles what the queue writes: wiped is what is written anyway. */
    static const char common[] = "PRAGMA temp_store = memory; PRAGMA mmap_size = 0; PRAGMA secure_delete = fast;"
                                 "PRAGMA trusted_schema = off; PRAGMA recursive_triggers = off;";
    static const char reader[] = "PRAGMA cache_size = -512; PRAGMA query_only = on;";
    static const char writer[] = "PRAGMA cache_size = -1024; PRAGMA journal_mode = wal; PRAGMA synchronous = full;"
                                 "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864;";

    int code = statement_exec(database, common, err);
    if (code == 0)
        code = statement_exec(database, database->mode == DATABASE_READ ? reader : writer, err);
    return code;
}

int database_open(const char *path, enum database_mode mode, struct database **ret_database, struct error *err)
{
    struct stat status;
    int code = check_file(path, &status, err);
    if (code < 0)
        return code;

    struct database *database = NULL;
    code = database_open_raw(path, SQLITE_OPEN_READWRITE, &database, err);
    if (code < 0 || !database)
        return code;
    /* From before opening: when the file is replaced just now, the difference shows at the next look. */
    database->device = status.st_dev;
    database->inode = status.st_ino;
    database->mode = mode;

    code = check_writable(database, err);
    if (code == 0)
        code = check_version(database, err);
    if (code == 0)
        code = set_up(database, err);
    if (code < 0) {
        database_close(database);
        return code;
    }
    database_remember_wal(database);
    *ret_database = database;
    return 0;
}

/* Whoever reads a store in WAL mode must be able to write beside it, unless nobody changes it meanwhile. */
static bool is_frozen(const char *path)
{
    char wal[4096];
    char directory[4096];

    if ((size_t)snprintf(wal, sizeof(wal), "%s-wal", path) >= sizeof(wal) || access(path, R_OK) != 0 ||
        access(wal, F_OK) == 0)
        return false;
    snprintf(directory, sizeof(directory), "%s", path);
    return access(path, W_OK) != 0 || access(dirname(directory), W_OK) != 0;
}

/* As the file stands, without a log; messages name the file, not how it was opened. */
static int open_frozen(const char *path, struct database **ret_database, struct error *err)
{
    struct database *database = NULL;
    char *name = strdup(path);
    struct buf uri;

    buf_init(&uri, 0);
    buf_add_text(&uri, "file:");
    buf_add_url(&uri, path);
    buf_add_text(&uri, "?immutable=1");
    int code = !name || buf_error(&uri)
                   ? error_set(err, ERR_NOMEM, 0, "store %s: out of memory", path)
                   : database_open_raw(buf_text(&uri), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &database, err);
    buf_deinit(&uri);
    if (code < 0 || !database) {
        free(name);
        return code;
    }
    free(database->path);
    database->path = name;
    *ret_database = database;
    return 0;
}

int database_open_copy(const char *path, struct database **ret_database, struct error *err)
{
    struct database *database = NULL;

    if (!is_frozen(path))
        return database_open(path, DATABASE_READ, ret_database, err);
    int code = open_frozen(path, &database, err);
    if (code < 0 || !database)
        return code;
    code = check_version(database, err);
    if (code < 0) {
        database_close(database);
        return code;
    }
    *ret_database = database;
    return 0;
}

const char *database_library(void)
{
    static char text[32];

    snprintf(text, sizeof(text), "SQLite/%s", sqlite3_libversion());
    return text;
}

void database_close(struct database *database)
{
    if (!database)
        return;
    statement_finalize_all(database);
    int result = sqlite3_close(database->handle);
    assert(result == SQLITE_OK);
    (void)result;
    activity_chain_free(database->chain);
    free(database->path);
    free(database);
}

const char *database_path(const struct database *database)
{
    return database->path;
}

bool database_was_replaced(const struct database *database)
{
    struct stat status;

    return stat(database->path, &status) != 0 || status.st_dev != database->device || status.st_ino != database->inode;
}

static bool side_file(const struct database *database, const char *suffix, char *path, size_t size)
{
    return (size_t)snprintf(path, size, "%s%s", database->path, suffix) < size;
}

void database_remember_wal(struct database *database)
{
    char path[4096];
    struct stat status;

    if (side_file(database, "-wal", path, sizeof(path)) && stat(path, &status) == 0)
        database->wal_inode = status.st_ino;
}

/* Another file lies under our name now: SQLite would apply the log of the old one to it. A file that is only missing
 * may come back, and needs its log then. */
static void drop_stale_wal(const struct database *database)
{
    char path[4096];
    struct stat status;

    if (access(database->path, F_OK) != 0 || !side_file(database, "-wal", path, sizeof(path)) ||
        stat(path, &status) != 0 || status.st_ino != database->wal_inode)
        return;
    unlink(path);
    if (side_file(database, "-shm", path, sizeof(path)))
        unlink(path);
}

int database_reopen(struct database **database, struct error *err)
{
    struct database *old = *database;
    struct database *fresh = NULL;
    bool replaced = database_was_replaced(old);

    if (old->handle) {
        statement_finalize_all(old);
        sqlite3_close(old->handle);
        old->handle = NULL;
    }
    if (replaced)
        drop_stale_wal(old);
    int code = database_open(old->path, old->mode, &fresh, err);
    if (code < 0 || !fresh)
        return code;

    /* The same file: what is in flight stays so. */
    if (fresh->device == old->device && fresh->inode == old->inode && !replaced) {
        fresh->session = old->session;
        fresh->session_began = old->session_began;
    }
    database_close(old);
    *database = fresh;
    return 0;
}

int database_data_version(struct database *database, uint32_t *ret_version, struct error *err)
{
    static const char sql[] = "PRAGMA data_version";
    int64_t version = 0;

    int code = statement_int(database, sql, &version, err, "");
    if (code < 0)
        return code;
    *ret_version = (uint32_t)version;
    return 0;
}

int database_begin_session(struct database *database, struct error *err)
{
    static const char outbox[] = "UPDATE outbox SET claim = NULL WHERE claim > 0 AND claim <> ?";

    if (database->session_began || database->session_pending)
        return 0;
    int code = statement_run(database, outbox, err, "i", database->session);
    database->session_pending = code == 0;
    return code;
}
