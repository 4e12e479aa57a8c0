/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * raw_curl - the yardstick of scripts/bench: how fast libcurl alone can send what complyd sends.
 *
 * One thread, one HTTP/2 connection, N streams, libcurl's multi interface driven by epoll and curl_multi_socket_action.
 * Handles and their options are made once; a request costs a URL, a body in which a counter is patched, and nothing
 * else: no store, no JSON reading, no log. Prints one line of JSON.
 *
 *     raw_curl --mode put|mix|batch --url URL --ca FILE [--count N] [--streams N] [--body N] [--token N]
 *
 *     put    PUT {url}/DataUploadMessages(guid'...')           one device a request
 *     mix    as put, and then a GET of the same URL            what a device costs with its verdict
 *     batch  POST {url} with 20 PATCHes                        20 devices a request
 */
#include <curl/curl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_ITEMS = 20, EVENTS_MAX = 64, ID_DIGITS = 12 };

enum mode { MODE_PUT, MODE_MIX, MODE_BATCH };

struct request {
    CURL *easy;
    char *body;
    size_t body_length;
    size_t id_at[BATCH_ITEMS]; /* where the counter of each device stands in the body */
    char url[512];
    size_t url_id_at;
    bool asking; /* mix: the GET of the pair is on its way */
    char answer[4096];
    size_t answer_length;
};

struct bench {
    enum mode mode;
    const char *url;
    const char *ca_file;
    long wanted, started, finished, failed;
    long streams;
    size_t body_length; /* mode put and mix: padded to this */
    size_t token_length;
    CURLM *multi;
    int epoll;
    int64_t deadline_us; /* libcurl's timer; -1 = none */
    struct curl_slist *headers;
    struct request *requests;
    uint64_t next_device;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "raw_curl: %s: %s\n", what, why);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        die("memory", "exhausted");
    return memory;
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

/* Bodies: made once, with the counter's place remembered. */

static void patch_id(char *at, uint64_t id)
{
    for (int i = ID_DIGITS - 1; i >= 0; i--, id >>= 4)
        at[i] = "0123456789abcdef"[id & 15];
}

static void make_message(struct bench *bench, struct request *request)
{
    static const char id[] = "6b3d2c1a-0f5e-4d7c-9a8b-000000000000";
    static const char tenant[] = "11111111-2222-4333-8444-555555555555";
    static const char user[] = "99999999-8888-4777-a666-555555555555";
    static const char stamp[] = "2026-02-03T04:05:06.789Z";
    char text[2048];
    int length = snprintf(
        text, sizeof text,
        "{\"TenantId\":\"%s\",\"UploadTime\":\"%s\",\"Content\":\"[{\\\"EntityType\\\":1,\\\"TenantId\\\":\\\"%s\\\","
        "\\\"DeviceManagementState\\\":\\\"managed\\\",\\\"DeviceId\\\":\\\"%s\\\",\\\"DeviceName\\\":\\\"%%*s\\\","
        "\\\"UserId\\\":\\\"%s\\\",\\\"LastCheckInTime\\\":\\\"%s\\\",\\\"LastUpdateTime\\\":\\\"%s\\\","
        "\\\"Os\\\":\\\"iOS\\\",\\\"OsVersion\\\":\\\"18.3.1\\\",\\\"EasIds\\\":[],\\\"State\\\":0},{"
        "\\\"EntityType\\\":4,"
        "\\\"TenantId\\\":\\\"%s\\\",\\\"DeviceId\\\":\\\"%s\\\",\\\"UserId\\\":\\\"%s\\\",\\\"LastUpdateTime\\\":\\\"%"
        "s\\\","
        "\\\"complianceStatus\\\":\\\"compliant\\\"}]\"}",
        tenant, stamp, tenant, id, user, stamp, stamp, tenant, id, user, stamp);
    size_t plain = (size_t)length - strlen("%*s");
    size_t padding = bench->body_length > plain ? bench->body_length - plain : 0;
    char *name = strstr(text, "%*s");
    request->body_length = plain + padding;
    request->body = allocate(1, request->body_length + 1);
    size_t before = (size_t)(name - text);
    memcpy(request->body, text, before);
    memset(request->body + before, 'n', padding);
    memcpy(request->body + before + padding, name + strlen("%*s"), plain - before);
    char *first = strstr(request->body, id);
    char *second = strstr(first + 1, id);
    request->id_at[0] = (size_t)(first - request->body) + 24;
    request->id_at[1] = (size_t)(second - request->body) + 24;
}

static void make_batch(struct request *request)
{
    char *text = allocate(1, 512 * BATCH_ITEMS);
    size_t at = (size_t)sprintf(text, "{\"requests\":[");
    for (int i = 0; i < BATCH_ITEMS; i++) {
        static const char before[] =
            "{\"id\":\"%d\",\"method\":\"PATCH\",\"url\":\"/devices(deviceId='6b3d2c1a-0f5e-4d7c-9a8b-";
        static const char after[] =
            "')\",\"headers\":{\"Content-Type\":\"application/"
            "json\"},\"body\":{\"isCompliant\":true,\"isManaged\":true,"
            "\"displayName\":\"LAPTOP-0123456\",\"operatingSystemVersion\":\"10.0.22631.3007\"}}";
        at += (size_t)sprintf(text + at, "%s", i ? "," : "");
        at += (size_t)sprintf(text + at, before, i);
        request->id_at[i] = at;
        at += (size_t)sprintf(text + at, "000000000000%s", after);
    }
    at += (size_t)sprintf(text + at, "]}");
    request->body = text;
    request->body_length = at;
}

/* One request. */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct request *request = ctx;
    size_t length = size * count;
    size_t room = sizeof request->answer - request->answer_length;
    memcpy(request->answer + request->answer_length, data, length < room ? length : room);
    request->answer_length += length < room ? length : room;
    return length;
}

static void start(struct bench *bench, struct request *request)
{
    request->answer_length = 0;
    if (bench->mode == MODE_BATCH) {
        for (int i = 0; i < BATCH_ITEMS; i++)
            patch_id(request->body + request->id_at[i], bench->next_device++);
    } else if (!request->asking) {
        patch_id(request->body + request->id_at[0], bench->next_device);
        patch_id(request->body + request->id_at[1], bench->next_device);
        patch_id(request->url + request->url_id_at, bench->next_device++);
        curl_easy_setopt(request->easy, CURLOPT_URL, request->url);
    }
    if (bench->mode == MODE_MIX && request->asking) {
        curl_easy_setopt(request->easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(request->easy, CURLOPT_CUSTOMREQUEST, NULL);
    } else if (bench->mode == MODE_MIX) {
        curl_easy_setopt(request->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(request->easy, CURLOPT_CUSTOMREQUEST, "PUT");
    }
    bench->started++;
    if (curl_multi_add_handle(bench->multi, request->easy) != CURLM_OK)
        die("curl", "curl_multi_add_handle failed");
}

static void prepare(struct bench *bench, struct request *request)
{
    CURL *easy = request->easy = curl_easy_init();
    if (!easy)
        die("curl", "no handle");
    if (bench->mode == MODE_BATCH) {
        make_batch(request);
        snprintf(request->url, sizeof request->url, "%s", bench->url);
    } else {
        make_message(bench, request);
        static const char form[] = "%s/DataUploadMessages(guid'7c4e3d2b-1a6f-4e8d-8b9c-000000000000')?api-version=1.2";
        snprintf(request->url, sizeof request->url, form, bench->url);
        request->url_id_at = (size_t)(strstr(request->url, "8b9c-") - request->url) + 5;
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
    }
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, bench->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, bench->ca_file);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60000L);
}

/* An answer counts only when it says what the daemon would take for success. */
static bool answered_well(const struct bench *bench, struct request *request)
{
    long status = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    size_t last = request->answer_length < sizeof request->answer ? request->answer_length : sizeof request->answer - 1;
    request->answer[last] = '\0';
    const char *word = bench->mode == MODE_BATCH ? "\"status\":204" : request->asking ? "Completed" : "\"202\"";
    return status == 200 && strstr(request->answer, word);
}

static void finish(struct bench *bench, const CURLMsg *message)
{
    struct request *request = NULL;
    CURLcode result = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
    curl_multi_remove_handle(bench->multi, request->easy);
    bench->finished++;
    if (result != CURLE_OK || !answered_well(bench, request)) {
        if (bench->failed++ == 0)
            fprintf(stderr, "raw_curl: %s: %s\n", curl_easy_strerror(result), request->answer);
    }
    if (bench->mode == MODE_MIX)
        request->asking = !request->asking;
    if (bench->started < bench->wanted)
        start(bench, request);
}

/* libcurl on epoll. */

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct bench *bench = ctx;
    (void)multi;
    bench->deadline_us = timeout_ms < 0 ? -1 : now_us() + timeout_ms * 1000;
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    struct bench *bench = ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(bench->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    struct epoll_event event = {.data.fd = fd};
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    epoll_ctl(bench->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(bench->multi, fd, bench);
    return 0;
}

static void drain(struct bench *bench)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(bench->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            finish(bench, message);
}

static void turn(struct bench *bench)
{
    struct epoll_event events[EVENTS_MAX];
    int running;
    int wait_ms = -1;
    if (bench->deadline_us >= 0) {
        int64_t left_us = bench->deadline_us - now_us();
        wait_ms = left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
    }
    int count = epoll_wait(bench->epoll, events, EVENTS_MAX, wait_ms);
    for (int i = 0; i < count; i++) {
        int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(bench->multi, events[i].data.fd, what, &running);
    }
    if (bench->deadline_us >= 0 && now_us() >= bench->deadline_us) {
        bench->deadline_us = -1;
        curl_multi_socket_action(bench->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    drain(bench);
}

static void set_up(struct bench *bench)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    bench->deadline_us = -1;
    bench->multi = curl_multi_init();
    curl_multi_setopt(bench->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(bench->multi, CURLMOPT_SOCKETDATA, bench);
    curl_multi_setopt(bench->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(bench->multi, CURLMOPT_TIMERDATA, bench);
    curl_multi_setopt(bench->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(bench->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
    curl_multi_setopt(bench->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, bench->streams);

    char *bearer = allocate(1, bench->token_length + 64);
    size_t prefix = (size_t)sprintf(bearer, "Authorization: Bearer ");
    for (size_t i = 0; i < bench->token_length; i++)
        bearer[prefix + i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[i * 7 % 64];
    bench->headers = curl_slist_append(NULL, bearer);
    bench->headers = curl_slist_append(bench->headers, "Content-Type: application/json");
    free(bearer);

    bench->requests = allocate((size_t)bench->streams, sizeof *bench->requests);
    for (long i = 0; i < bench->streams; i++)
        prepare(bench, &bench->requests[i]);
}

static void tear_down(struct bench *bench)
{
    for (long i = 0; i < bench->streams; i++) {
        curl_easy_cleanup(bench->requests[i].easy);
        free(bench->requests[i].body);
    }
    free(bench->requests);
    curl_slist_free_all(bench->headers);
    curl_multi_cleanup(bench->multi);
    close(bench->epoll);
    curl_global_cleanup();
}

/* Not ru_maxrss: that begins with what the parent had before exec. */
static long peak_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

static void run(struct bench *bench)
{
    int64_t began_us = now_us();
    int64_t cpu_began_us = cpu_us();
    for (long i = 0; i < bench->streams && bench->started < bench->wanted; i++)
        start(bench, &bench->requests[i]);
    while (bench->finished < bench->started)
        turn(bench);
    double seconds = (double)(now_us() - began_us) / 1e6;
    double cpu = (double)(cpu_us() - cpu_began_us);
    printf("{\"requests\": %ld, \"failed\": %ld, \"seconds\": %.6f, \"requests_per_s\": %.1f, \"cpu_us_per_request\": "
           "%.3f, "
           "\"peak_kib\": %ld, \"body_bytes\": %zu}\n",
           bench->finished, bench->failed, seconds, (double)bench->finished / seconds, cpu / (double)bench->finished,
           peak_kib(), bench->requests[0].body_length);
}

static void read_options(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {{"mode", 1, NULL, 'm'},  {"url", 1, NULL, 'u'},     {"ca", 1, NULL, 'a'},
                                            {"count", 1, NULL, 'c'}, {"streams", 1, NULL, 's'}, {"body", 1, NULL, 'b'},
                                            {"token", 1, NULL, 't'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'm':
            bench->mode = !strcmp(optarg, "batch") ? MODE_BATCH : !strcmp(optarg, "mix") ? MODE_MIX : MODE_PUT;
            break;
        case 'u':
            bench->url = optarg;
            break;
        case 'a':
            bench->ca_file = optarg;
            break;
        case 'c':
            bench->wanted = strtol(optarg, NULL, 10);
            break;
        case 's':
            bench->streams = strtol(optarg, NULL, 10);
            break;
        case 'b':
            bench->body_length = strtoul(optarg, NULL, 10);
            break;
        case 't':
            bench->token_length = strtoul(optarg, NULL, 10);
            break;
        default:
            exit(64);
        }
    }
    if (!bench->url || !bench->ca_file || bench->streams < 1)
        die("usage",
            "raw_curl --mode put|mix|batch --url URL --ca FILE [--count N] [--streams N] [--body N] [--token N]");
}

int main(int argc, char **argv)
{
    struct bench bench = {.wanted = 100000, .streams = 100, .body_length = 784, .token_length = 1500};
    read_options(&bench, argc, argv);
    set_up(&bench);
    run(&bench);
    bool failed = bench.failed > 0;
    tear_down(&bench);
    return failed ? 1 : 0;
}
