/* Forgets what vectors_begin.h said. */
#undef V
#undef H
#undef HALVES
#undef LOWER
#undef SPREAD
#undef LOAD_HALF
#undef STORE_HALF
#undef LANES
#undef PANEL
#undef DOT_SUMS
#undef LOAD
#undef STORE
#undef SHUFFLE
#undef EVENS
#undef ODDS
#undef TAIL_MASK
