/* The JSON of a file's header, read once from front to back: a cursor that the caller leads through the
 * grammar he expects.  Nothing recurses and nothing is allocated; the text need not end with a zero.
 *
 * Strict: ASCII, no control characters in strings, no number but a decimal integer from 0 to 2^64 - 1, no
 * comma too many.  The first error stays: every later call returns 0. */
#ifndef FASTNET_JSON_H
#define FASTNET_JSON_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *text;
    size_t length, at;
    const char *error;          /* what was expected at `at`; NULL: all is well so far */
} fastnet_json;

/* The inside of a string, where it stands. */
typedef struct {
    const char *start;
    size_t length;
    int escapes;                /* it holds backslashes, which are checked but left as they are */
} fastnet_text;

/* Passes white space and then this character. */
int fastnet_json_pass(fastnet_json *json, char c);

/* Whether another member follows in an object or array that `close` ends: passes the comma before all
 * but the first, or the end.  *count is 0 at the beginning and counts the members. */
int fastnet_json_more(fastnet_json *json, char close, size_t *count);

int fastnet_json_string(fastnet_json *json, fastnet_text *out);
int fastnet_json_integer(fastnet_json *json, uint64_t *out);

/* Nothing but white space is left. */
int fastnet_json_end(fastnet_json *json);

/* Whether a text is this word. */
int fastnet_text_is(fastnet_text text, const char *word);

#endif
