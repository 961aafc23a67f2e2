#include "metadata.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const keys[FASTNET_N_KEYS] = {
    "format", "format_version", "fastnet_version", "sizes", "activations", "cost", "dtype", "checksum"};

int fastnet_fail(fastnet_failure *failure, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    failure->code = code;
    return code;
}

int fastnet_fail_json(const fastnet_json *json, fastnet_failure *failure)
{
    return fastnet_fail(failure, FASTNET_ERROR_DAMAGED,
                        "not a safetensors file, or damaged: byte %zu of the header: expected %s", json->at, json->error);
}

int fastnet_read_metadata(fastnet_json *json, fastnet_metadata *out, fastnet_failure *failure)
{
    fastnet_text name[FASTNET_METADATA_LIMIT], value;
    size_t count = 0;
    if (out->found)
        return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: __metadata__ occurs twice");
    out->found = 1;
    fastnet_json_pass(json, '{');
    while (fastnet_json_more(json, '}', &count)) {
        if (count > FASTNET_METADATA_LIMIT)
            return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "metadata of more than %d members", FASTNET_METADATA_LIMIT);
        fastnet_text *key = name + count - 1;
        if (!fastnet_json_string(json, key) || !fastnet_json_pass(json, ':') || !fastnet_json_string(json, &value))
            break;
        if (key->escapes)
            return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: an escape in the name of a member of the metadata");
        for (size_t i = 0; i + 1 < count; i++)
            if (name[i].length == key->length && memcmp(name[i].start, key->start, key->length) == 0)
                return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: %.*s occurs twice", FASTNET_QUOTED(*key));
        for (int i = 0; i < FASTNET_N_KEYS; i++)
            if (fastnet_text_is(*key, keys[i]))
                out->value[i] = value;
    }
    return json->error ? fastnet_fail_json(json, failure) : 0;
}

/* Whether a text holds what the format allows in metadata. */
static int is_plain(fastnet_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.start[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_.:()=+-,", c))))
            return 0;
    }
    return text.length > 0;
}

int fastnet_check_metadata(const fastnet_metadata *found, fastnet_failure *failure)
{
    const fastnet_text *value = found->value;
    if (!found->found || !value[FASTNET_KEY_FORMAT].start || !fastnet_text_is(value[FASTNET_KEY_FORMAT], "fastnet"))
        return fastnet_fail(failure, FASTNET_ERROR_FORMAT, "not a fastnet file: a safetensors file without fastnet's metadata");
    if (!value[FASTNET_KEY_FORMAT_VERSION].start || !fastnet_text_is(value[FASTNET_KEY_FORMAT_VERSION], "1"))
        return fastnet_fail(failure, FASTNET_ERROR_VERSION, "format_version must be 1 for this libfastnet; got %.*s",
                            FASTNET_QUOTED(value[FASTNET_KEY_FORMAT_VERSION]));
    for (int i = 0; i < FASTNET_N_KEYS; i++) {
        if (!value[i].start)
            return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: metadata without %s", keys[i]);
        if (!is_plain(value[i]))
            return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: %s %.*s does not fit the format", keys[i],
                                FASTNET_QUOTED(value[i]));
    }
    return 0;
}
