/* Saved nets, opened without Python: fastnet_open, fastnet_open_memory, fastnet_close.
 *
 * A net is one block of memory: the net, the table of its layers, their packed weights.  Reading takes
 * memory in proportion to the length of the file, whatever the file claims. */
#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#endif
#include "header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#ifndef S_ISREG                 /* Windows */
#define S_ISREG(mode) (((mode) & _S_IFMT) == _S_IFREG)
#endif

enum { PREFIX = 8, CACHE_LINE = 64 };

/* What the last call of this thread found wrong. */
static _Thread_local fastnet_failure last;

const char *fastnet_open_message(void)
{
    return last.text;
}

/* -- the level -------------------------------------------------------------- */

/* The level that FASTNET_CPU names, or the best one; -1 if there is no such level on this processor. */
static int wanted_level(fastnet_failure *failure)
{
    const char *name = getenv("FASTNET_CPU");
    const int level = fastnet_level_wanted(name);
    if (level < 0)
        fastnet_fail(failure, FASTNET_ERROR_LEVEL, "FASTNET_CPU must name a level that this processor has, of which %s is the "
                     "best; got %.40s", fastnet_level_name(fastnet_n_levels() - 1), name);
    return level;
}

/* -- the data --------------------------------------------------------------- */

static int is_big_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

/* The little-endian values of a file as this machine has them; bytes may start anywhere. */
static void copy_values(size_t n, size_t itemsize, const unsigned char *bytes, unsigned char *values)
{
    if (!is_big_endian()) {
        memcpy(values, bytes, n * itemsize);
        return;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < itemsize; k++)
            values[i * itemsize + k] = bytes[i * itemsize + itemsize - 1 - k];
}

static size_t place(const fastnet_layout *layout, size_t itemsize, int level, const void *parameters, char *base, fastnet_net *net)
{
    return itemsize == 4 ? fastnet_f32_at(level)->place(layout, parameters, 1, base, net)
                         : fastnet_f64_at(level)->place(layout, parameters, 1, base, net);
}

/* Packs the parameters of a layout. */
static int pack(const fastnet_layout *layout, size_t itemsize, int level, const void *parameters, fastnet_net **out,
                fastnet_failure *failure)
{
    const size_t n_layers = (size_t)layout->n_layers, table = sizeof(fastnet_net) + n_layers * sizeof(fastnet_layer);
    fastnet_net counted = {.layer = calloc(n_layers, sizeof(fastnet_layer))};
    const size_t n_bytes = counted.layer ? place(layout, itemsize, level, parameters, NULL, &counted) : 0;
    fastnet_net *net = counted.layer ? calloc(1, table + CACHE_LINE + n_bytes) : NULL;
    free(counted.layer);
    if (!net)
        return fastnet_fail(failure, FASTNET_ERROR_MEMORY, "no memory for a net of %zu packed bytes", n_bytes);
    net->layer = (fastnet_layer *)(net + 1);
    net->precision = itemsize == 4 ? FASTNET_F32 : FASTNET_F64;
    net->kernels = itemsize == 4 ? (const void *)fastnet_f32_at(level) : fastnet_f64_at(level);
    char *free_from = (char *)net + table;
    place(layout, itemsize, level, parameters, free_from + (CACHE_LINE - (uintptr_t)free_from % CACHE_LINE) % CACHE_LINE, net);
    *out = net;
    return 0;
}

/* The net of a checked header and its data, if the checksum is right. */
static int build(const fastnet_header *header, const unsigned char *data, int level, fastnet_net **out, fastnet_failure *failure)
{
    const size_t n = (size_t)header->layout.n_parameters;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if (fastnet_crc32(header->crc, data, n * header->itemsize) != header->checksum)
        return fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "damaged: the checksum does not match the contents");
#endif
    unsigned char *values = malloc(n * header->itemsize);
    if (!values)
        return fastnet_fail(failure, FASTNET_ERROR_MEMORY, "no memory for %zu parameters", n);
    copy_values(n, header->itemsize, data, values);
    const int code = pack(&header->layout, header->itemsize, level, values, out, failure);
    free(values);
    return code;
}

/* -- from memory ------------------------------------------------------------ */

/* The length of the header after `prefix`, the first bytes of `size`; 0 if there is none. */
static size_t header_length(const unsigned char *prefix, uint64_t size, fastnet_failure *failure)
{
    uint64_t length = 0;
    if (size < PREFIX) {
        fastnet_fail(failure, FASTNET_ERROR_FORMAT, "too short for a safetensors file: %" PRIu64 " bytes", size);
        return 0;
    }
    for (int i = PREFIX; i-- > 0;)
        length = length << 8 | prefix[i];
    if (length == 0 || length > FASTNET_HEADER_LIMIT)
        fastnet_fail(failure, FASTNET_ERROR_FORMAT, "not a fastnet file, or damaged: header of %" PRIu64 " bytes, at most %d allowed",
                     length, FASTNET_HEADER_LIMIT);
    else if (length > size - PREFIX)
        fastnet_fail(failure, FASTNET_ERROR_DAMAGED, "truncated: header of %" PRIu64 " bytes, of which %" PRIu64 " are there",
                     length, size - PREFIX);
    else
        return (size_t)length;
    return 0;
}

static int open_memory(const unsigned char *bytes, size_t size, int level, fastnet_net **net, fastnet_failure *failure)
{
    fastnet_header header;
    const size_t length = header_length(bytes, size, failure);
    if (!length)
        return failure->code;
    int code = fastnet_read_header((const char *)bytes + PREFIX, length, size - PREFIX - length, &header, failure);
    if (code)
        return code;
    code = build(&header, bytes + PREFIX + length, level, net, failure);
    fastnet_free_header(&header);
    return code;
}

int fastnet_open_memory(const void *bytes, size_t size, fastnet_net **net)
{
    last.code = 0;
    last.text[0] = 0;
    if (!net || !bytes)
        return fastnet_fail(&last, FASTNET_ERROR_NULL, "%s is NULL", net ? "bytes" : "net");
    *net = NULL;
    const int level = wanted_level(&last);
    return level < 0 ? last.code : open_memory(bytes, size, level, net, &last);
}

/* -- from a file ------------------------------------------------------------ */

/* A regular file and its length. */
static FILE *open_regular(const char *path, uint64_t *size, fastnet_failure *failure)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        fastnet_fail(failure, FASTNET_ERROR_FILE, "%s", strerror(errno));
        return NULL;
    }
    if (!S_ISREG(about.st_mode)) {         /* before opening: opening a pipe would wait */
        fastnet_fail(failure, FASTNET_ERROR_FILE, "not a regular file");
        return NULL;
    }
    FILE *file = fopen(path, "rb");
    if (!file)
        fastnet_fail(failure, FASTNET_ERROR_FILE, "%s", strerror(errno));
    *size = (uint64_t)about.st_size;
    return file;
}

/* n bytes of the file in memory of their own; NULL if they are not there. */
static unsigned char *read_bytes(FILE *file, size_t n, fastnet_failure *failure)
{
    unsigned char *bytes = malloc(n);
    if (!bytes)
        fastnet_fail(failure, FASTNET_ERROR_MEMORY, "no memory for %zu bytes", n);
    else if (fread(bytes, 1, n, file) == n)
        return bytes;
    else
        fastnet_fail(failure, FASTNET_ERROR_FILE, "%s", ferror(file) ? strerror(errno) : "truncated while being read");
    free(bytes);
    return NULL;
}

/* The header first: only a file that is as long as its header says is read to its end. */
static int open_stream(FILE *file, uint64_t size, int level, fastnet_net **net, fastnet_failure *failure)
{
    unsigned char prefix[PREFIX] = {0};
    fastnet_header header;
    if (size >= PREFIX && fread(prefix, 1, PREFIX, file) != PREFIX)
        return fastnet_fail(failure, FASTNET_ERROR_FILE, "%s", ferror(file) ? strerror(errno) : "truncated while being read");
    const size_t length = header_length(prefix, size, failure);
    unsigned char *text = length ? read_bytes(file, length, failure) : NULL;
    if (!text)
        return failure->code;
    int code = fastnet_read_header((const char *)text, length, size - PREFIX - length, &header, failure);
    free(text);
    if (code)
        return code;
    unsigned char *data = read_bytes(file, (size_t)header.layout.n_parameters * header.itemsize, failure);
    code = data ? build(&header, data, level, net, failure) : failure->code;
    free(data);
    fastnet_free_header(&header);
    return code;
}

int fastnet_open(const char *path, fastnet_net **net)
{
    fastnet_failure failure = {0, ""};
    uint64_t size;
    last.code = 0;
    last.text[0] = 0;
    if (!net || !path)
        return fastnet_fail(&last, FASTNET_ERROR_NULL, "%s is NULL", net ? "path" : "net");
    *net = NULL;
    const int level = wanted_level(&failure);
    FILE *file = level < 0 ? NULL : open_regular(path, &size, &failure);
    if (file) {
        open_stream(file, size, level, net, &failure);
        fclose(file);
    }
    return failure.code ? fastnet_fail(&last, failure.code, "%.180s: %s", path, failure.text) : 0;
}

void fastnet_close(fastnet_net *net)
{
    free(net);
}
