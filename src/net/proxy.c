/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "proxy.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static const char *environments_exceptions(void)
{
    const char *exceptions = getenv("no_proxy");

    if (exceptions == NULL)
        exceptions = getenv("NO_PROXY");
    return exceptions != NULL ? exceptions : "";
}

int proxy_init(struct proxy *proxy, const char *url, const char *credentials_file, struct error *err)
{
    int result;

    *proxy = (struct proxy){.url = strdup(url != NULL ? url : ""),
                            .credentials_file = strdup(credentials_file != NULL ? credentials_file : "")};
    secret_init(&proxy->sign_in);
    proxy->exceptions = strdup(environments_exceptions());
    if (proxy->url == NULL || proxy->credentials_file == NULL || proxy->exceptions == NULL)
        result = error_set(err, ERR_NOMEM, 0, "no memory for an HTTP client");
    else
        result = proxy_reload(proxy, err);
    if (result != 0)
        proxy_deinit(proxy);
    return result;
}

void proxy_deinit(struct proxy *proxy)
{
    secret_deinit(&proxy->sign_in);
    free(proxy->url);
    free(proxy->credentials_file);
    free(proxy->exceptions);
    proxy->url = proxy->credentials_file = proxy->exceptions = NULL;
}

/* user:password; the first colon parts them. libcurl decodes what it is given in one piece, whatever its version, so
 * "%" and the like have to be encoded; given apart, only older versions did. */
static int encode(struct secret *content, struct proxy *proxy)
{
    char *colon = strchr(content->data, ':');
    struct buf encoded;
    int result;

    if (colon != NULL)
        *colon = '\0';
    buf_init(&encoded, 0);
    buf_add_url(&encoded, content->data);
    buf_add_char(&encoded, ':');
    buf_add_url(&encoded, colon != NULL ? colon + 1 : "");
    result = buf_error(&encoded);
    if (result == 0)
        result = secret_set(&proxy->sign_in, buf_text(&encoded), encoded.length);
    buf_wipe(&encoded);
    proxy->version++;
    return result;
}

int proxy_reload(struct proxy *proxy, struct error *err)
{
    struct secret content;
    int result;

    if (proxy->credentials_file[0] == '\0')
        return 0;
    secret_init(&content);
    result = secret_load(&content, proxy->credentials_file, err);
    if (result == 0)
        secret_trim(&content);
    if (result == 0 && (content.length == 0 || strlen(content.data) != content.length))
        result = error_set(err, ERR_CREDENTIAL, 0, "%s: must read user:password", proxy->credentials_file);
    if (result == 0 && encode(&content, proxy) != 0)
        result = error_set(err, ERR_NOMEM, 0, "no memory for a proxy's credentials");
    secret_deinit(&content);
    return result;
}

void proxy_apply(const struct proxy *proxy, CURL *easy, bool use)
{
    /* "" and an empty NOPROXY: libcurl reads nothing from the environment by itself. */
    curl_easy_setopt(easy, CURLOPT_PROXY, use ? proxy->url : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, use ? proxy->exceptions : "");
    curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, NULL);
    if (use && proxy->sign_in.data != NULL)
        curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, proxy->sign_in.data);
}
