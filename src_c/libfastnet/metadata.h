/* What the metadata of a saved net says, word by word. */
#ifndef FASTNET_METADATA_H
#define FASTNET_METADATA_H

#include "header.h"
#include "json.h"

/* The members that count, in the order of the checksum, which is the last. */
enum {
    FASTNET_KEY_FORMAT, FASTNET_KEY_FORMAT_VERSION, FASTNET_KEY_FASTNET_VERSION, FASTNET_KEY_SIZES, FASTNET_KEY_ACTIVATIONS,
    FASTNET_KEY_COST, FASTNET_KEY_DTYPE, FASTNET_KEY_CHECKSUM, FASTNET_N_KEYS
};

typedef struct {
    int found;
    fastnet_text value[FASTNET_N_KEYS];         /* start NULL: not there */
} fastnet_metadata;

#define FASTNET_QUOTED(text) (int)((text).length < 40 ? (text).length : 40), (text).start ? (text).start : ""    /* for "%.*s" */

/* One object of strings, no key twice, from the cursor on; other keys than ours are passed over. */
int fastnet_read_metadata(fastnet_json *json, fastnet_metadata *out, fastnet_failure *failure);

/* That everything is there, and of the one version that this reader knows. */
int fastnet_check_metadata(const fastnet_metadata *found, fastnet_failure *failure);

/* The failure that a cursor has come to. */
int fastnet_fail_json(const fastnet_json *json, fastnet_failure *failure);

#endif
