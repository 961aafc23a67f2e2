/* Forgets what vectors_begin.h said. */
#undef V
#undef LANES
#undef PANEL
#undef DOT_SUMS
#undef LOAD
#undef STORE
#undef SHUFFLE
#undef EVENS
#undef ODDS
#undef TAIL_MASK
