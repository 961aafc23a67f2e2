/* The header of a saved net, checked in itself and against the length of its file.  The format is that of
 * fastnet.save, which documents it; nothing that it claims is believed. */
#ifndef FASTNET_HEADER_H
#define FASTNET_HEADER_H

#include "../fastnet_kernels.h"

enum {
    FASTNET_HEADER_LIMIT = 1 << 20,     /* bytes */
    FASTNET_METADATA_LIMIT = 256        /* members of the metadata: each is compared with all before it */
};

/* What went wrong, in words. */
typedef struct {
    int code;
    char text[400];
} fastnet_failure;

/* Fills in a failure, as printf does, and returns its code. */
int fastnet_fail(fastnet_failure *failure, int code, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* A checked header: sizes, activations, and where parameters lie in the vector that the data is. */
typedef struct {
    fastnet_layout layout;      /* its arrays are in one block, which `sizes` begins */
    size_t itemsize;            /* 4 or 8 */
    uint32_t crc;               /* CRC-32 of the metadata; the data is still to be added */
    uint32_t checksum;          /* what it should be then */
} fastnet_header;

/* Reads `length` bytes of JSON, which n_bytes of data follow.  0, or the code of the failure: then
 * nothing is left to free. */
int fastnet_read_header(const char *text, size_t length, uint64_t n_bytes, fastnet_header *header, fastnet_failure *failure);
void fastnet_free_header(fastnet_header *header);

/* CRC-32 of zlib, PNG and Ethernet, going on from the crc of what came before; 0 at the beginning. */
uint32_t fastnet_crc32(uint32_t crc, const void *bytes, size_t n);

#endif
