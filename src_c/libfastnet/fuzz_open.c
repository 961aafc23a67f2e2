/* Whatever bytes fastnet_open_memory is given, it either refuses them or opens a net that can be called.
 *
 * With clang's libFuzzer: LLVMFuzzerTestOneInput.  Without: a program of its own, which mutates the files it
 * is given, SECONDS long, from SEED: "fuzz_open SECONDS SEED FILE...".  make fuzz builds either. */
#include "fastnet.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile double sink;

#define CALL_EVERYTHING(REAL, P)                                                                            \
    static void call_##P(const fastnet_net *net, size_t m)                                                  \
    {                                                                                                       \
        const size_t p = fastnet_net_n_inputs(net), n = fastnet_net_n_outputs(net);                         \
        const size_t bytes = fastnet_workspace_size_##P(net, m);                                            \
        REAL *x = malloc(m * p * sizeof(REAL)), *y = malloc(m * n * sizeof(REAL));                          \
        REAL *v = malloc(m * p * sizeof(REAL)), *jacobian = malloc(m * n * p * sizeof(REAL));               \
        void *workspace = malloc(bytes);                                                                    \
        for (size_t i = 0; i < m * p; i++)                                                                  \
            x[i] = v[i] = (REAL)(i % 7) - 3;                                                                \
        fastnet_eval_##P(net, m, x, y, workspace);                                                          \
        fastnet_value_and_jacobian_##P(net, m, x, y, jacobian, workspace);                                  \
        fastnet_jvp_##P(net, m, x, v, jacobian, workspace);                                                 \
        fastnet_vjp_##P(net, m, x, y, v, workspace);                                                        \
        sink = (double)y[0] + (double)v[0];                                                                 \
        free(x), free(y), free(v), free(jacobian), free(workspace);                                         \
    }

CALL_EVERYTHING(float, f32)
CALL_EVERYTHING(double, f64)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fastnet_net *net;
    uint8_t *copy = malloc(size ? size : 1);            /* its end is where the sanitizer can see it */
    if (size)
        memcpy(copy, data, size);
    const int code = fastnet_open_memory(copy, size, &net);
    free(copy);
    if (code ? net != NULL || !fastnet_open_message()[0] : fastnet_open_message()[0])
        abort();
    if (!code && (double)fastnet_net_n_inputs(net) * (double)fastnet_net_n_outputs(net) < 1e6)
        for (size_t m = 1; m < 4; m += 2)
            (fastnet_net_precision(net) == FASTNET_F32 ? call_f32 : call_f64)(net, m);
    if (!code)
        fastnet_close(net);
    return 0;
}

#ifndef FASTNET_LIBFUZZER

enum { MOST = 1 << 20 };

static uint64_t state;

/* A number below n (splitmix64). */
static size_t below(size_t n)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (size_t)((z ^ (z >> 31)) % (n ? n : 1));
}

static const char *const pieces[] = {
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0041", "0", "-1", "1e9", "18446744073709551615", "18446744073709551616",
    "9223372036854775807", "4611686018427387904", "\"sizes\":\"1,1\"", "\"__metadata__\":{}", "\"weights.0\"", "\"shape\":[1,1]",
    "softmax", "sin", "float32", "float64", "1,", "1000000000000000,", ",tanh", "F32", "F64", "null", "true", "[[[[[[[[[["};

/* Replaces `length` bytes at `at` by others; returns the new size. */
static size_t splice(uint8_t *bytes, size_t size, size_t at, size_t length, const void *piece, size_t piece_length)
{
    if (size - length + piece_length > MOST)
        return size;
    memmove(bytes + at + piece_length, bytes + at + length, size - at - length);
    memcpy(bytes + at, piece, piece_length);
    return size - length + piece_length;
}

/* One change.  Most hit the header, which is where decisions are made; of these, half keep its length right. */
static size_t mutate(uint8_t *bytes, size_t size)
{
    const size_t header = size < 8 ? size : 8 + (bytes[0] | (size_t)bytes[1] << 8);
    const size_t end = below(8) && header < size ? header : size;
    const size_t at = below(end), before = size;
    const char *piece = pieces[below(sizeof pieces / sizeof *pieces)];
    uint64_t length;
    if (size == 0)
        return size;
    switch (below(8)) {
    case 0: bytes[at] ^= (uint8_t)(1u << below(8)); return size;
    case 1: bytes[at] = (uint8_t)('0' + below(10)); return size;
    case 2: bytes[at] = (uint8_t)below(256); return size;
    case 3: return below(4) ? size : at;                                                        /* cut off */
    case 4: size = splice(bytes, size, at, 0, piece, strlen(piece)); break;
    case 5: size = splice(bytes, size, at, below(size - at < 16 ? size - at : 16), "", 0); break;
    case 6: size = splice(bytes, size, at, 0, "0000000000000000", 1 + below(16)); break;
    default: {
        uint8_t part[64];
        const size_t from = below(end), n = below(size - from < 64 ? size - from : 64);
        memcpy(part, bytes + from, n);
        size = splice(bytes, size, at, 0, part, n);
    }
    }
    if (size >= 8 && below(2)) {
        memcpy(&length, bytes, 8);
        length += size - before;                                                               /* on little-endian machines */
        memcpy(bytes, &length, 8);
    }
    return size;
}

static size_t read_file(const char *path, uint8_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    const size_t size = fread(bytes, 1, MOST, file);
    fclose(file);
    return size;
}

int main(int argc, char **argv)
{
    static uint8_t original[MOST], bytes[MOST];
    if (argc < 4) {
        fprintf(stderr, "usage: %s SECONDS SEED FILE...\n", argv[0]);
        return 2;
    }
    const time_t end = time(NULL) + atoi(argv[1]);
    unsigned long runs = 0, opened = 0;
    for (state = strtoull(argv[2], NULL, 10); time(NULL) <= end;) {
        const size_t size = read_file(argv[3 + below((size_t)argc - 3)], original);
        for (int turn = 0; turn < 100; turn++, runs++) {
            size_t n = size;
            memcpy(bytes, original, size);
            for (size_t changes = below(4); changes-- > 0;)
                n = mutate(bytes, n);
            LLVMFuzzerTestOneInput(bytes, n);
            opened += !fastnet_open_message()[0];
        }
    }
    printf("%lu inputs, %lu of them opened\n", runs, opened);
    return opened == 0;
}

#endif
