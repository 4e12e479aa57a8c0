/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* What answers on Azure Arc's port: the file that its challenge names, and what is read because of it. */
#include <stdlib.h>
#include <string.h>

#include "microsoft/identity.h"

#include "answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char folder[] = "/nonexistent/tokens";
    char *header = malloc(size + 1);
    char path[256];
    struct buf key;

    memcpy(header, data, size);
    header[size] = '\0';
    buf_init(&key, 0);
    if (identity_challenge(header, path, sizeof(path), NULL) == 0) {
        const int result = identity_key(folder, path, &key, NULL);

        require(path[0] != '\0' && strlen(path) < sizeof(path));
        /* Only a name in the folder is as much as looked for. */
        require(result == ERR_REPLY || strncmp(path, folder, sizeof(folder) - 1) == 0);
        require(result == ERR_REPLY || strchr(path + sizeof(folder), '/') == NULL);
    }
    require(key.length == 0);
    buf_deinit(&key);
    free(header);
    return 0;
}
