/* Vectors of REAL, VECTOR_BYTES wide, in the words that gcc and clang share.  Included once per
 * precision and level; vectors_end.h forgets. */
typedef REAL NAME(V) __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL NAME(VU) __attribute__((vector_size(VECTOR_BYTES), aligned(REAL_BYTES), may_alias));
typedef INT NAME(VI) __attribute__((vector_size(VECTOR_BYTES)));
typedef INT NAME(VIU) __attribute__((vector_size(VECTOR_BYTES), aligned(REAL_BYTES), may_alias));

/* Half vectors, for a last panel whose upper half would be padding: worth it where a full vector takes a
 * multiplier twice as long (Zen 4 at 512 bits) or at least no shorter. */
#if defined(__has_builtin)
#if VECTOR_BYTES == 64 && __has_builtin(__builtin_shufflevector)
#define HALVES 1
#if REAL_BYTES == 4
#define LOWER(x) __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7)
#else
#define LOWER(x) __builtin_shufflevector(x, x, 0, 1, 2, 3)
#endif
#endif
#endif
#ifndef HALVES
#define HALVES 0
#endif
typedef REAL NAME(H) __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef REAL NAME(HU) __attribute__((vector_size(VECTOR_BYTES / 2), aligned(REAL_BYTES), may_alias));

#define V NAME(V)
#define H NAME(H)
#define LANES (VECTOR_BYTES / REAL_BYTES)
#define PANEL (2 * LANES)
#define DOT_SUMS (LANES > 4 ? LANES : 4)      /* sums that tile_dot keeps */
#define LOAD(pointer) ((V)*(const NAME(VU) *)(pointer))
#define STORE(pointer, value) (*(NAME(VU) *)(pointer) = (value))
#define SPREAD(x) ((x) - (V){0})             /* x in every lane: compilers leave the difference out */
#define LOAD_HALF(pointer) ((H)*(const NAME(HU) *)(pointer))
#define STORE_HALF(pointer, value) (*(NAME(HU) *)(pointer) = (value))

#if defined(__clang__)
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (NAME(VI)){__VA_ARGS__})
#endif

/* The even and the odd lanes of x followed by those of y; as many set lanes as a vector has. */
#if VECTOR_BYTES / REAL_BYTES == 2
#define TAIL_MASK -1, -1
#define EVENS(x, y) SHUFFLE(x, y, 0, 2)
#define ODDS(x, y) SHUFFLE(x, y, 1, 3)
#elif VECTOR_BYTES / REAL_BYTES == 4
#define TAIL_MASK -1, -1, -1, -1
#define EVENS(x, y) SHUFFLE(x, y, 0, 2, 4, 6)
#define ODDS(x, y) SHUFFLE(x, y, 1, 3, 5, 7)
#elif VECTOR_BYTES / REAL_BYTES == 8
#define TAIL_MASK -1, -1, -1, -1, -1, -1, -1, -1
#define EVENS(x, y) SHUFFLE(x, y, 0, 2, 4, 6, 8, 10, 12, 14)
#define ODDS(x, y) SHUFFLE(x, y, 1, 3, 5, 7, 9, 11, 13, 15)
#else
#define TAIL_MASK -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1
#define EVENS(x, y) SHUFFLE(x, y, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODDS(x, y) SHUFFLE(x, y, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#endif
