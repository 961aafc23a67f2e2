"""Outputs of a net, plain or frozen, for arguments of any kind: in one piece or rows shared out to threads."""

import numpy as np

from fastnet import _checks
from fastnet._core import plan
from fastnet._core.rows import dense_blocks
from fastnet._threads import share_rows


def predict_rows(net, X, out, start, stop, ended=None):
    """Rows start ... stop of `out` become the outputs for these rows of a checked X; only some, once `ended` holds anything."""
    if isinstance(X, np.ndarray):
        net._predict_into(X[start:stop], out[start:stop], ended)
        return
    for start, stop in dense_blocks(start, stop):
        if ended:
            return
        net._predict_into(X.dense(start, stop), out[start:stop], ended)


def predict_checked(net, X, out, threads):
    """`predict` of a net with `sizes`, `dtype`, `parameters` and `_predict_into`, for arguments of any kind."""
    X, single = _checks.check_inputs(X, net.sizes[0], net.dtype)
    threads = _checks.check_threads(threads)
    shape = (len(X), net.sizes[-1])
    if out is None:
        target = a = np.empty(shape, net.dtype)
    else:
        target = _checks.check_out(out, shape[1:] if single else shape, net.dtype, X, net.parameters)
        a = target.reshape(shape)
    threads = plan.plan_inference(net.sizes, len(X), threads).threads if threads > 1 else 1
    if threads > 1:
        share_rows(len(X), threads, lambda start, stop, ended: predict_rows(net, X, a, start, stop, ended))
    else:
        predict_rows(net, X, a, 0, len(X))
    if out is None:
        return a[0] if single else a
    if target is not out:
        out[...] = target
    return out
