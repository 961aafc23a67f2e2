"""Where a thread's time goes, as the kernels write it down (src_c/profile.h)."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

cdef extern from "profile.h" nogil:
    ctypedef struct Cell "fastnet_cell":
        uint64_t calls, ticks

    ctypedef struct Event "fastnet_event":
        uint64_t start
        uint32_t ticks
        uint16_t operation, layer

    ctypedef struct Table "fastnet_profile":
        size_t n_layers
        Cell* cell
        Event* event
        uint64_t room, events
        double reading
        uint64_t last, entered, inside
        uint64_t steps, samples, timed_steps, timed_samples, laps
        uint64_t place, period

    uint64_t ticks "fastnet_ticks"()
    void lap "fastnet_lap"(Table*, int operation, size_t layer)
    void enter "fastnet_enter"(Table*)
    void leave "fastnet_leave"(Table*)
    bint step_begins "fastnet_step_begins"(Table*, size_t m)
    bint timing "fastnet_timing"(const Table*)

    enum:
        N_OPERATIONS "FASTNET_N_OPERATIONS"
        BURST "FASTNET_BURST"
        GATHER "FASTNET_OP_gather"
        FORWARD "FASTNET_OP_forward"
        ACTIVATION "FASTNET_OP_activation"
        DROPOUT "FASTNET_OP_dropout"
        OUTPUT_DELTA "FASTNET_OP_output_delta"
        BP2 "FASTNET_OP_bp2"
        PRIME "FASTNET_OP_prime"
        BP3 "FASTNET_OP_bp3"
        BP4 "FASTNET_OP_bp4"
        UPDATE "FASTNET_OP_update"
        COST "FASTNET_OP_cost"
        OUTPUTS "FASTNET_OP_outputs"
        SLOPES "FASTNET_OP_slopes"
        PUSH "FASTNET_OP_push"
        PULL "FASTNET_OP_pull"
        STEP "FASTNET_OP_step"
        PACK "FASTNET_OP_pack"
        UNPACK "FASTNET_OP_unpack"

cdef inline void mark(Table* table, int operation, size_t layer) noexcept nogil:
    """The operation that ends here, where the step under way is timed."""
    if timing(table):
        lap(table, operation, layer)
