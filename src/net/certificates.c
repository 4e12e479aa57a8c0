/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "certificates.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

/* The text behind "Name:" of one certificate; NULL when it has none. */
static const char *find(const struct curl_slist *fields, const char *name)
{
    size_t length = strlen(name);

    for (; fields != NULL; fields = fields->next) {
        if (strncmp(fields->data, name, length) == 0 && fields->data[length] == ':')
            return fields->data + length + 1;
    }
    return NULL;
}

/* "Nov 29 16:28:00 2027 GMT", as OpenSSL writes it, is an HTTP date of the oldest form in another order. */
static int parse_date(const char *text, int64_t *ret_time_s)
{
    char month[4], date[64];
    int day, hour, minute, second, year;

    /* NOLINTNEXTLINE(cert-err34-c): numbers of two and four figures; whether they make a date is looked at below */
    if (sscanf(text, "%3s %2d %2d:%2d:%2d %4d GMT", month, &day, &hour, &minute, &second, &year) != 6)
        return ERR_INVALID;
    snprintf(date, sizeof(date), "Mon, %02d %s %04d %02d:%02d:%02d GMT", day, month, year, hour, minute, second);
    return clock_parse_http(date, ret_time_s);
}

/* The chain is good for as long as the certificate in it that ends first. */
static int64_t first_end_s(const struct curl_certinfo *chain)
{
    int64_t first_s = 0, end_s;

    for (int i = 0; i < chain->num_of_certs; i++) {
        const char *date = find(chain->certinfo[i], "Expire date");

        if (date != NULL && parse_date(date, &end_s) == 0 && (first_s == 0 || end_s < first_s))
            first_s = end_s;
    }
    return first_s;
}

/* "CN = Example CA" of "C = US, O = Example, CN = Example CA"; all of it when it has no common name. */
static const char *short_name(const char *name)
{
    const char *common = strstr(name, "CN = ");

    return common != NULL ? common + strlen("CN = ") : name;
}

static bool find_host(CURL *easy, char host[HTTP_HOST])
{
    CURLU *parts = curl_url();
    char *url = NULL, *name = NULL;
    bool found = parts != NULL && curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url != NULL &&
                 curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_HOST, &name, 0) == CURLUE_OK;

    snprintf(host, HTTP_HOST, "%s", found ? name : "");
    curl_free(name);
    curl_url_cleanup(parts);
    return found;
}

static struct http_certificate *place_of(struct certificates *certificates, const char *host)
{
    for (size_t i = 0; i < certificates->count; i++) {
        if (strcasecmp(certificates->list[i].host, host) == 0)
            return &certificates->list[i];
    }
    return certificates->count < CERTIFICATES_MAX ? &certificates->list[certificates->count++] : NULL;
}

void certificates_note(struct certificates *certificates, CURL *easy)
{
    struct curl_certinfo *chain = NULL;
    struct http_certificate *certificate;
    char host[HTTP_HOST];
    const char *issuer;

    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL || chain->num_of_certs < 1 ||
        !find_host(easy, host))
        return;
    certificate = place_of(certificates, host);
    if (certificate == NULL)
        return;
    issuer = find(chain->certinfo[0], "Issuer");
    snprintf(certificate->host, sizeof(certificate->host), "%s", host);
    snprintf(certificate->issuer, sizeof(certificate->issuer), "%s", issuer != NULL ? short_name(issuer) : "");
    certificate->expires_s = first_end_s(chain);
}
