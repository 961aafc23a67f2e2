#include "json.h"

#include <string.h>

static int fail(fastnet_json *json, const char *error)
{
    if (!json->error)
        json->error = error;
    return 0;
}

/* The next character, or 0 past the end; no character of valid text is 0. */
static char peek(const fastnet_json *json)
{
    return json->at < json->length ? json->text[json->at] : 0;
}

static void pass_space(fastnet_json *json)
{
    for (char c = peek(json); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(json))
        json->at++;
}

int fastnet_json_pass(fastnet_json *json, char c)
{
    if (json->error)
        return 0;
    pass_space(json);
    if (peek(json) != c)
        return fail(json, c == '{' ? "an object" : c == '[' ? "an array" : c == ':' ? "a colon" : "another character");
    json->at++;
    return 1;
}

int fastnet_json_more(fastnet_json *json, char close, size_t *count)
{
    if (json->error)
        return 0;
    pass_space(json);
    if (peek(json) == close) {
        json->at++;
        return 0;
    }
    if (*count > 0) {
        if (peek(json) != ',')
            return fail(json, close == '}' ? "a comma or the end of the object" : "a comma or the end of the array");
        json->at++;
    }
    ++*count;
    return 1;
}

static int is_hexadecimal(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Passes an escape, whose backslash is next. */
static int pass_escape(fastnet_json *json)
{
    json->at++;
    const char c = peek(json);
    if (!c || !strchr("\"\\/bfnrtu", c))
        return fail(json, "an escape");
    json->at++;
    for (int i = 0; c == 'u' && i < 4; i++, json->at++)
        if (!is_hexadecimal(peek(json)))
            return fail(json, "a hexadecimal digit");
    return 1;
}

int fastnet_json_string(fastnet_json *json, fastnet_text *out)
{
    if (json->error)
        return 0;
    pass_space(json);
    if (peek(json) != '"')
        return fail(json, "a string");
    json->at++;
    out->start = json->text + json->at;
    out->escapes = 0;
    for (unsigned char c = (unsigned char)peek(json); c != '"'; c = (unsigned char)peek(json)) {
        if (c < 0x20 || c > 0x7e)
            return fail(json, "a character of a string");
        if (c != '\\') {
            json->at++;
            continue;
        }
        out->escapes = 1;
        if (!pass_escape(json))
            return 0;
    }
    out->length = (size_t)(json->text + json->at - out->start);
    json->at++;
    return 1;
}

int fastnet_json_integer(fastnet_json *json, uint64_t *out)
{
    if (json->error)
        return 0;
    pass_space(json);
    const size_t start = json->at;
    uint64_t value = 0;
    for (char c = peek(json); c >= '0' && c <= '9'; c = peek(json)) {
        const unsigned digit = (unsigned)(c - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return fail(json, "an integer below 2^64");
        value = 10 * value + digit;
        json->at++;
    }
    if (json->at == start || (json->text[start] == '0' && json->at > start + 1))
        return fail(json, "an integer from 0 on, without leading zeros");
    *out = value;
    return 1;
}

int fastnet_json_end(fastnet_json *json)
{
    if (json->error)
        return 0;
    pass_space(json);
    return json->at == json->length || fail(json, "nothing more");
}

int fastnet_text_is(fastnet_text text, const char *word)
{
    return !text.escapes && text.length == strlen(word) && memcmp(text.start, word, text.length) == 0;
}
