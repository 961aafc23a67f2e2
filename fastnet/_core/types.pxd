"""The numbers of the engine room: `real` is float or double, one source for both."""

ctypedef fused real:
    float
    double
