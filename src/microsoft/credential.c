/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/credential.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "microsoft/assertion.h"
#include "textfile.h"

enum { DAY_S = 24 * 3600 };

const char *credential_name(enum credential_kind kind)
{
    static const char *const names[] = {
#define X(name, key) [name] = key,
        CREDENTIALS(X)
#undef X
    };

    return names[kind];
}

size_t credential_list(const struct connection_settings *settings, enum credential_kind ret_kinds[CREDENTIALS_MAX])
{
    const bool given[] = {
        [CREDENTIAL_CERTIFICATE] = settings->certificate_file[0] != '\0',
        [CREDENTIAL_FEDERATED] = settings->federated_token_file[0] != '\0',
        [CREDENTIAL_SECRET] = settings->client_secret_file[0] != '\0',
        [CREDENTIAL_MANAGED] = settings->managed_identity,
    };
    size_t count = 0;

    for (size_t kind = 0; kind < sizeof(given) / sizeof(given[0]) && count < CREDENTIALS_MAX; kind++) {
        if (given[kind])
            ret_kinds[count++] = (enum credential_kind)kind;
    }
    return count;
}

static int check_text(const char *path, struct error *err)
{
    struct buf content;
    int result;

    buf_init(&content, 0);
    result = textfile_read(path, &content, err);
    buf_wipe(&content);
    return result;
}

int credential_check(const struct connection_settings *settings, enum credential_kind kind, int64_t now_s,
                     struct error *err)
{
    int64_t expires_s;

    switch (kind) {
    case CREDENTIAL_CERTIFICATE:
        return assertion_check(settings->certificate_file, settings->private_key_file, now_s, &expires_s, err);
    case CREDENTIAL_FEDERATED:
        return check_text(settings->federated_token_file, err);
    case CREDENTIAL_SECRET:
        return secret_check_file(settings->client_secret_file, err);
    case CREDENTIAL_MANAGED:
        break;
    }
    return 0;
}

int64_t credential_expires_s(const struct connection_settings *settings, enum credential_kind kind, int64_t now_s)
{
    int64_t expires_s = -1;

    if (kind == CREDENTIAL_CERTIFICATE)
        assertion_check(settings->certificate_file, settings->private_key_file, now_s, &expires_s, NULL);
    if (kind == CREDENTIAL_SECRET && settings->client_secret_expires_ms > 0)
        expires_s = settings->client_secret_expires_ms / 1000;
    return expires_s;
}

/* FNV-1a over numbers. */
static uint64_t mix(uint64_t hash, uint64_t number)
{
    for (int i = 0; i < 64; i += 8)
        hash = (hash ^ ((number >> i) & 0xff)) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_file(uint64_t hash, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return mix(hash, (uint64_t)errno);
    hash = mix(mix(hash, (uint64_t)st.st_dev), (uint64_t)st.st_ino);
    hash = mix(mix(hash, (uint64_t)st.st_size), (uint64_t)st.st_mode);
    hash = mix(mix(hash, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec);
    return mix(mix(hash, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
}

uint64_t credential_signature(const struct connection_settings *settings, enum credential_kind kind)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    switch (kind) {
    case CREDENTIAL_CERTIFICATE:
        hash = mix_file(mix_file(hash, settings->certificate_file), settings->private_key_file);
        break;
    case CREDENTIAL_FEDERATED:
        hash = mix_file(hash, settings->federated_token_file);
        break;
    case CREDENTIAL_SECRET:
        hash = mix_file(hash, settings->client_secret_file);
        break;
    case CREDENTIAL_MANAGED:
        break;
    }
    return hash | 1;
}

bool credential_is_trouble(enum trouble trouble)
{
    switch (trouble) {
    case TROUBLE_CREDENTIAL_FILE:
    case TROUBLE_CREDENTIAL_WRONG:
    case TROUBLE_CREDENTIAL_EXPIRED:
    case TROUBLE_CERTIFICATE_EARLY:
    case TROUBLE_KEY_MISMATCH:
    case TROUBLE_ASSERTION:
    case TROUBLE_CLOCK: /* of no matter to a secret */
        return true;
    default:
        return false;
    }
}

int credential_nearness(int64_t expires_s, int64_t now_s)
{
    static const int64_t days[] = {30, 14, 3, 0};
    int nearness = 0;

    for (size_t i = 0; expires_s >= 0 && i < sizeof(days) / sizeof(days[0]); i++)
        nearness += expires_s - now_s <= days[i] * DAY_S;
    return nearness;
}
