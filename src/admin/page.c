/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "page.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "web_internal.h"

/*
 * A template's {{name}} is replaced by the variable of that name, {{name.more}} by the catalogue's text; both escaped.
 * What a template may not name is a bug of ours that the tests find: it is left empty.
 */
struct variable {
    const char *name, *value;
};

struct pages {
    cJSON *words[LANGUAGE_COUNT];
};

enum { NAME_MAX_BYTES = 64 };

static const struct page_file *find_file(const char *name)
{
    for (size_t i = 0; i < page_file_count; i++) {
        if (strcmp(page_files[i].name, name) == 0)
            return &page_files[i];
    }
    return NULL;
}

struct pages *pages_new(void)
{
    struct pages *pages = calloc(1, sizeof(*pages));

    for (int i = 0; pages != NULL && i < LANGUAGE_COUNT; i++) {
        char name[32];

        snprintf(name, sizeof(name), "words.%s.json", language_tag((enum language)i));
        pages->words[i] = cJSON_Parse(find_file(name)->data);
        if (pages->words[i] == NULL) {
            pages_free(pages);
            pages = NULL;
        }
    }
    return pages;
}

void pages_free(struct pages *pages)
{
    for (int i = 0; pages != NULL && i < LANGUAGE_COUNT; i++)
        cJSON_Delete(pages->words[i]);
    free(pages);
}

static const char *word(const struct api_request *request, const char *name)
{
    const struct pages *pages = visit_of(request)->web->pages;
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(pages->words[request->language], name));

    return text != NULL ? text : "";
}

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buf_add_text(out, "&amp;");
            break;
        case '<':
            buf_add_text(out, "&lt;");
            break;
        case '>':
            buf_add_text(out, "&gt;");
            break;
        case '"':
            buf_add_text(out, "&quot;");
            break;
        default:
            buf_add_char(out, *text);
        }
    }
}

static const char *value_of(const struct api_request *request, const struct variable *variables, const char *name)
{
    for (size_t i = 0; variables[i].name != NULL; i++) {
        if (strcmp(variables[i].name, name) == 0)
            return variables[i].value;
    }
    return word(request, name);
}

static void render(struct api_request *request, int status, const char *template, const struct variable *variables)
{
    const char *text = find_file(template)->data, *open;
    struct buf out;

    buf_init(&out, 0);
    while ((open = strstr(text, "{{")) != NULL) {
        size_t length = strcspn(open + 2, "}");
        char name[NAME_MAX_BYTES];

        snprintf(name, sizeof(name), "%.*s", (int)length, open + 2);
        buf_add(&out, text, (size_t)(open - text));
        add_escaped(&out, value_of(request, variables, name));
        text = open + 2 + length + 2;
    }
    buf_add_text(&out, text);
    request->answer_type = "text/html; charset=utf-8";
    api_answer(request, status, &out);
}

void page_show(struct api_request *request)
{
    const struct visit *visit = visit_of(request);
    const char *first = request->target.segments[0];
    const char *page = first[0] == '\0' ? "overview" : request->id != NULL ? "device" : first;
    char title[NAME_MAX_BYTES];
    char who[32];

    snprintf(title, sizeof(title), "%s.title", page);
    snprintf(who, sizeof(who), "%u", (unsigned)visit->session.peer.uid);
    render(request, 200, "shell.html",
           (const struct variable[]){{"language", language_tag(request->language)},
                                     {"page", page},
                                     {"title", word(request, title)},
                                     {"csrf", visit->session.csrf},
                                     {"uid", who},
                                     {"version", COMPLYD_VERSION},
                                     {NULL, NULL}});
}

void page_message(struct api_request *request, int status, const char *about)
{
    char title[NAME_MAX_BYTES], text[NAME_MAX_BYTES], hint[NAME_MAX_BYTES], action[NAME_MAX_BYTES];

    snprintf(title, sizeof(title), "%s.title", about);
    snprintf(text, sizeof(text), "%s.text", about);
    snprintf(hint, sizeof(hint), "%s.hint", about);
    snprintf(action, sizeof(action), "%s.action", about);
    render(request, status, "message.html",
           (const struct variable[]){{"language", language_tag(request->language)},
                                     {"about", about},
                                     {"title", word(request, title)},
                                     {"text", word(request, text)},
                                     {"hint", word(request, hint)},
                                     {"action", word(request, action)},
                                     {NULL, NULL}});
}

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {{".css", "text/css; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".json", "application/json"},
                                           {".svg", "image/svg+xml"}};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i][0], dot) == 0)
            return types[i][1];
    }
    return NULL; /* a template */
}

void page_static(struct api_request *request)
{
    const struct page_file *file = find_file(request->id);
    struct buf out;

    if (file == NULL || type_of(file->name) == NULL) {
        api_problem(request, 404, "there is no such file");
        return;
    }
    buf_init(&out, 0);
    buf_add(&out, file->data, file->length);
    request->answer_type = type_of(file->name);
    api_answer(request, 200, &out);
}
