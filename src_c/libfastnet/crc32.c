#include "header.h"

/* Polynomial 0xEDB88320, reflected; a table of what eight bits turn into, made for each call: 256 entries
 * take less than a kilobyte of data does. */
uint32_t fastnet_crc32(uint32_t crc, const void *bytes, size_t n)
{
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = (table[i] >> 1) ^ (table[i] & 1 ? 0xEDB88320u : 0);
    }
    const unsigned char *byte = bytes;
    crc = ~crc;
    for (size_t i = 0; i < n; i++)
        crc = (crc >> 8) ^ table[(crc ^ byte[i]) & 0xff];
    return ~crc;
}
