#include "metadata.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "crc32:" and eight lower-case hexadecimal digits. */
static int read_checksum(fastnet_text text, uint32_t *out)
{
    if (text.length != 14 || memcmp(text.start, "crc32:", 6) != 0)
        return -1;
    *out = 0;
    for (int i = 6; i < 14; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, text.start[i]);
        if (!digit)
            return -1;
        *out = *out * 16 + (uint32_t)(digit - digits);
    }
    return 0;
}

static size_t count_commas(fastnet_text text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++)
        count += text.start[i] == ',';
    return count;
}

/* The part of a text up to the next comma; text becomes what follows it. */
static fastnet_text next_part(fastnet_text *text)
{
    const char *comma = memchr(text->start, ',', text->length);
    fastnet_text part = {text->start, comma ? (size_t)(comma - text->start) : text->length, 0};
    const size_t passed = part.length + (comma != NULL);
    text->start += passed;
    text->length -= passed;
    return part;
}

/* A number of neurons: 1 ... most, without leading zeros; 0 if it is not. */
static uint64_t read_size(fastnet_text text, uint64_t most)
{
    uint64_t value = 0;
    if (text.length == 0 || text.length > 16 || text.start[0] == '0')
        return 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.start[i] < '0' || text.start[i] > '9')
            return 0;
        value = value * 10 + (uint64_t)(text.start[i] - '0');
    }
    return value <= most ? value : 0;
}

static int activation_code(fastnet_text name)
{
    int code = 0;
    while (fastnet_activation_name(code) && !fastnet_text_is(name, fastnet_activation_name(code)))
        code++;
    return fastnet_activation_name(code) ? code : -1;
}

/* Sizes and offsets, with no more parameters than the data has values: nothing overflows then. */
static int read_sizes(fastnet_text sizes, uint64_t n_values, fastnet_layout *layout, fastnet_failure *failure)
{
    ptrdiff_t used = 0;
    for (ptrdiff_t l = 0; l <= layout->n_layers; l++) {
        const fastnet_text part = next_part(&sizes);
        const uint64_t n = read_size(part, n_values);
        if (n == 0)
            return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: layer %td of %.*s neurons, in a file of %" PRIu64
                                " values", l, FASTNET_QUOTED(part), n_values);
        layout->sizes[l] = (ptrdiff_t)n;
        if (l == 0)
            continue;
        const uint64_t p = (uint64_t)layout->sizes[l - 1];
        if (n > (n_values - (uint64_t)used) / (p + 1))
            return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged or truncated: the sizes need more than the %" PRIu64
                                " values that are there", n_values);
        layout->w[l - 1] = used;
        layout->b[l - 1] = used + (ptrdiff_t)(n * p);
        used += (ptrdiff_t)(n * (p + 1));
        const ptrdiff_t in_vectors = (ptrdiff_t)((n + 15) / 16 * 16);
        if (layout->width < in_vectors)
            layout->width = in_vectors;
    }
    layout->n_parameters = used;
    if ((uint64_t)used != n_values)
        return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged or too long: the sizes need %td values, %" PRIu64
                            " are there", used, n_values);
    return 0;
}

static int read_activations(fastnet_text names, fastnet_layout *layout, fastnet_failure *failure)
{
    for (ptrdiff_t l = 0; l < layout->n_layers; l++) {
        const fastnet_text name = next_part(&names);
        const int code = activation_code(name);
        if (code < 0)
            return fastnet_fail(failure, FASTNET_ERROR_ACTIVATION, "layer %td has activation %.*s, which this libfastnet does "
                                "not know", l + 1, FASTNET_QUOTED(name));
        if (fastnet_activation_by_row(code) && l + 1 < layout->n_layers)
            return fastnet_fail(failure, FASTNET_ERROR_ACTIVATION, "layer %td has activation %.*s, which is for outputs only",
                                l + 1, FASTNET_QUOTED(name));
        layout->activation[l] = code;
    }
    return 0;
}

/* What metadata and the length of the data say together. */
static int read_layout(const fastnet_metadata *found, uint64_t n_bytes, fastnet_header *header, fastnet_failure *failure)
{
    const fastnet_text *value = found->value;
    fastnet_layout *layout = &header->layout;
    const fastnet_text dtype = value[FASTNET_KEY_DTYPE];
    header->itemsize = fastnet_text_is(dtype, "float32") ? 4 : fastnet_text_is(dtype, "float64") ? 8 : 0;
    if (!header->itemsize)
        return fastnet_fail(failure, FASTNET_ERROR_FORMAT, "dtype must be float32 or float64; got %.*s", FASTNET_QUOTED(dtype));
    if (n_bytes % header->itemsize)
        return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: %" PRIu64 " bytes of data", n_bytes);
    if (n_bytes > PTRDIFF_MAX / 256)                    /* narrow layers take up to 64 times as much, packed */
        return fastnet_fail(failure, FASTNET_ERROR_MEMORY, "%" PRIu64 " bytes of data are too many for this machine", n_bytes);
    if (read_checksum(value[FASTNET_KEY_CHECKSUM], &header->checksum))
        return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: checksum %.*s does not fit the format",
                            FASTNET_QUOTED(value[FASTNET_KEY_CHECKSUM]));
    for (int i = 0; i < FASTNET_KEY_CHECKSUM; i++) {
        header->crc = fastnet_crc32(header->crc, value[i].start, value[i].length);
        header->crc = fastnet_crc32(header->crc, "\n", 1);
    }
    const size_t n_layers = count_commas(value[FASTNET_KEY_SIZES]);
    if (n_layers == 0 || count_commas(value[FASTNET_KEY_ACTIVATIONS]) + 1 != n_layers)
        return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: %zu activations for %zu layers, input included",
                            count_commas(value[FASTNET_KEY_ACTIVATIONS]) + 1, n_layers + 1);
    layout->sizes = calloc(n_layers + 1, 3 * sizeof(ptrdiff_t) + sizeof(int));
    if (!layout->sizes)
        return fastnet_fail(failure, FASTNET_ERROR_MEMORY, "no memory for %zu layers", n_layers);
    layout->n_layers = (ptrdiff_t)n_layers;
    layout->w = layout->sizes + n_layers + 1;
    layout->b = layout->w + n_layers + 1;
    layout->activation = (int *)(layout->b + n_layers + 1);
    const int code = read_sizes(value[FASTNET_KEY_SIZES], n_bytes / header->itemsize, layout, failure);
    return code ? code : read_activations(value[FASTNET_KEY_ACTIVATIONS], layout, failure);
}

/* -- the tensors ------------------------------------------------------------ */

typedef struct {
    fastnet_text dtype;
    uint64_t shape[3];
    size_t n_shape;
    uint64_t offsets[3];
    size_t n_offsets;
} tensor;

/* [i, j, ...], of which at most three are kept: one more than any tensor here may have. */
static size_t read_integers(fastnet_json *json, uint64_t *out)
{
    size_t count = 0;
    uint64_t value;
    fastnet_json_pass(json, '[');
    while (fastnet_json_more(json, ']', &count) && fastnet_json_integer(json, &value))
        out[count < 3 ? count - 1 : 2] = value;
    return count;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}, each once, in any order. */
static void read_tensor(fastnet_json *json, tensor *out)
{
    fastnet_text key;
    size_t count = 0;
    int seen[3] = {0, 0, 0};
    fastnet_json_pass(json, '{');
    while (fastnet_json_more(json, '}', &count)) {
        if (!fastnet_json_string(json, &key))
            return;
        const int which = fastnet_text_is(key, "dtype") ? 0 : fastnet_text_is(key, "shape") ? 1
                          : fastnet_text_is(key, "data_offsets") ? 2 : -1;
        if (which < 0 || seen[which]++) {
            json->error = "dtype, shape or data_offsets, each once";
            return;
        }
        if (!fastnet_json_pass(json, ':'))
            return;
        if (which == 0)
            fastnet_json_string(json, &out->dtype);
        else if (which == 1)
            out->n_shape = read_integers(json, out->shape);
        else
            out->n_offsets = read_integers(json, out->offsets);
    }
    if (!json->error && !(seen[0] && seen[1] && seen[2]))
        json->error = "dtype, shape and data_offsets before the end";
}

/* The layer in a name like weights.7, and whether it is of weights; -1 if it is neither weights nor biases of one. */
static ptrdiff_t layer_in(fastnet_text name, ptrdiff_t n_layers, int *weights)
{
    const char *prefix = name.length > 8 && memcmp(name.start, "weights.", 8) == 0 ? "weights."
                         : name.length > 7 && memcmp(name.start, "biases.", 7) == 0 ? "biases." : NULL;
    if (!prefix || name.escapes)
        return -1;
    const size_t passed = strlen(prefix);
    const fastnet_text digits = {name.start + passed, name.length - passed, 0};
    *weights = prefix[0] == 'w';
    if (fastnet_text_is(digits, "0"))
        return n_layers > 0 ? 0 : -1;
    const uint64_t l = read_size(digits, (uint64_t)n_layers - 1);
    return l ? (ptrdiff_t)l : -1;
}

/* That a tensor is the one that sizes and dtype determine. */
static int tensor_is(const tensor *found, const fastnet_header *header, ptrdiff_t l, int weights)
{
    const fastnet_layout *layout = &header->layout;
    const uint64_t n = (uint64_t)layout->sizes[l + 1], p = (uint64_t)layout->sizes[l];
    const uint64_t begin = (uint64_t)(weights ? layout->w[l] : layout->b[l]) * header->itemsize;
    return fastnet_text_is(found->dtype, header->itemsize == 4 ? "F32" : "F64") && found->n_offsets == 2 &&
           found->offsets[0] == begin && found->offsets[1] == begin + (weights ? n * p : n) * header->itemsize &&
           found->n_shape == (weights ? 2u : 1u) && found->shape[0] == n && (!weights || found->shape[1] == p);
}

/* Every tensor of the net once, as it must be, and no other.  The text has been read once without an error. */
static int check_tensors(fastnet_json json, const fastnet_header *header, fastnet_failure *failure)
{
    const ptrdiff_t n_layers = header->layout.n_layers;
    char *seen = calloc((size_t)n_layers, 2);
    fastnet_metadata again = {0};
    fastnet_text name;
    size_t count = 0;
    int code = seen ? 0 : fastnet_fail(failure, FASTNET_ERROR_MEMORY, "no memory for %td layers", n_layers);
    fastnet_json_pass(&json, '{');
    while (!code && fastnet_json_more(&json, '}', &count)) {
        tensor found = {{NULL, 0, 0}, {0}, 0, {0}, 0};
        int weights = 0;
        fastnet_json_string(&json, &name);
        fastnet_json_pass(&json, ':');
        if (fastnet_text_is(name, "__metadata__")) {
            code = fastnet_read_metadata(&json, &again, failure);
            continue;
        }
        read_tensor(&json, &found);
        const ptrdiff_t l = layer_in(name, n_layers, &weights);
        if (l < 0)
            code = fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: tensor %.*s is none of the net's", FASTNET_QUOTED(name));
        else if (seen[2 * l + weights]++)
            code = fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: tensor %.*s occurs twice", FASTNET_QUOTED(name));
        else if (!tensor_is(&found, header, l, weights))
            code = fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: tensor %.*s is not as the sizes need it", FASTNET_QUOTED(name));
    }
    free(seen);
    if (!code && count - 1 != 2 * (size_t)n_layers)
        code = fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: the sizes need %zu tensors; %zu are there",
                            2 * (size_t)n_layers, count - 1);
    return code;
}

/* -- all of it -------------------------------------------------------------- */

/* Reads the whole text once and keeps the metadata, which may stand anywhere in it. */
static int find_metadata(fastnet_json json, fastnet_metadata *found, fastnet_failure *failure)
{
    fastnet_text name;
    size_t count = 0;
    fastnet_json_pass(&json, '{');
    while (fastnet_json_more(&json, '}', &count)) {
        tensor ignored = {{NULL, 0, 0}, {0}, 0, {0}, 0};
        if (!fastnet_json_string(&json, &name) || !fastnet_json_pass(&json, ':'))
            break;
        if (fastnet_text_is(name, "__metadata__")) {
            const int code = fastnet_read_metadata(&json, found, failure);
            if (code)
                return code;
        } else {
            read_tensor(&json, &ignored);
        }
    }
    fastnet_json_end(&json);
    return json.error ? fastnet_fail_json(&json, failure) : 0;
}

int fastnet_read_header(const char *text, size_t length, uint64_t n_bytes, fastnet_header *header, fastnet_failure *failure)
{
    const fastnet_json json = {text, length, 0, NULL};
    fastnet_metadata found = {0};
    *header = (fastnet_header){.itemsize = 0};
    int code = find_metadata(json, &found, failure);
    if (!code)
        code = fastnet_check_metadata(&found, failure);
    if (!code)
        code = read_layout(&found, n_bytes, header, failure);
    if (!code)
        code = check_tensors(json, header, failure);
    if (code)
        fastnet_free_header(header);
    return code;
}

void fastnet_free_header(fastnet_header *header)
{
    free(header->layout.sizes);
    header->layout.sizes = NULL;
}
