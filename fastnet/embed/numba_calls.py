"""A frozen net inside functions that numba compiles: `FrozenNetwork.numba`.  Imports numba.

What numba sees is a pointer to a table of addresses, the net's and its C functions', of a type that knows the
dtype and the sizes.  Nothing but this table comes from memory: a function compiled for one net serves every
net of the type that is passed to it and may be kept on disk.  A net that a function finds outside, as a global
or in its closure, becomes an address in machine code: numba does not cache that, and the code holds the net.
"""

import ctypes

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.imputils import lower_constant
from numba.extending import (
    NativeValue, intrinsic, models, overload, overload_method, register_jitable, register_model, typeof_impl, unbox,
)

TABLE = ("workspace_size", "eval", "jacobian", "value_and_jacobian", "jvp", "vjp")    # of fastnet.h, behind the net's address
STACK_BYTES = 4096, 16384        # work space for one sample that lies on the stack of the thread that calls; more: an array


class NumbaNetwork:
    """A frozen net for functions that numba compiles, made by `FrozenNetwork.numba`.

    Outside of them, and where NUMBA_DISABLE_JIT is set, its methods call the frozen net.
    """

    def __init__(self, net):
        calls = net.ctypes
        addresses = [ctypes.cast(getattr(calls, name), ctypes.c_void_p).value for name in TABLE]
        self.net = net
        self._table = np.array([net.address, *addresses], np.uintp)
        self._address = self._table.ctypes.data
        n_bytes = next((size for size in STACK_BYTES if size >= calls.workspace_size(calls.owner, 1)), 0)
        self._numba_type = NumbaNetworkType(net.dtype.name, net.sizes[0], net.sizes[-1], n_bytes)
        self.value, self.jacobian, self.value_and_jacobian = net.__call__, net.jacobian, net.value_and_jacobian
        self.jvp, self.vjp = net.jvp, net.vjp

    def __reduce__(self):
        return NumbaNetwork, (self.net,)

    def __repr__(self):
        return f"{self.net!r}.numba()"


# -- the type, and how a value of it comes in ------------------------------------

class NumbaNetworkType(types.Type):
    """Of nets with one dtype, so many inputs and outputs, and so much work space on the stack; 0: none."""

    def __init__(self, dtype, n_in, n_out, n_bytes):
        self.dtype, self.n_in, self.n_out, self.n_bytes = getattr(types, dtype), n_in, n_out, n_bytes
        super().__init__(f"fastnet({dtype}, {n_in} -> {n_out}, {n_bytes} bytes of stack)")


@register_model(NumbaNetworkType)
class NumbaNetworkModel(models.OpaqueModel):
    """A pointer to the table."""


@typeof_impl.register(NumbaNetwork)
def type_of_network(value, context):
    return value._numba_type


@unbox(NumbaNetworkType)
def unbox_network(kind, value, c):
    number = c.pyapi.object_getattr_string(value, "_address")
    address = c.pyapi.long_as_voidptr(number)
    c.pyapi.decref(number)
    return NativeValue(address, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


@lower_constant(NumbaNetworkType)
def constant_network(context, builder, kind, value):
    """An address in the code.  The library of that code keeps the net, and numba keeps libraries as long as what links them."""
    vars(context.active_code_library).setdefault("_fastnet_networks", []).append(value)
    return context.add_dynamic_addr(builder, value._address, info="a fastnet net")


# -- the C functions -------------------------------------------------------------

def word(table, builder, i):
    return builder.load(builder.gep(builder.bitcast(table, cgutils.intp_t.as_pointer()), [cgutils.int32_t(i)]))


def c_function(name):
    """An intrinsic (net, m, arrays, work) -> status; work: an array of bytes, or None for one sample on the stack."""

    @intrinsic
    def run(typing_context, net, m, arrays, work):
        def codegen(context, builder, signature, values):
            table, m, packed, work = values
            pointers = [context.make_array(kind)(context, builder, array).data
                        for kind, array in zip(signature.args[2], cgutils.unpack_tuple(builder, packed))]
            if signature.args[3] is types.none:
                with builder.goto_entry_block():        # once, whatever loops do; not by alloca_once, which fills it with zeros
                    pointers.append(builder.alloca(ir.ArrayType(cgutils.int8_t, net.n_bytes)))
            else:
                pointers.append(context.make_array(signature.args[3])(context, builder, work).data)
            pointers = [builder.bitcast(pointer, cgutils.voidptr_t) for pointer in pointers]
            kind = ir.FunctionType(cgutils.int32_t, [cgutils.voidptr_t, cgutils.intp_t] + [cgutils.voidptr_t] * len(pointers))
            function = builder.inttoptr(word(table, builder, 1 + TABLE.index(name)), kind.as_pointer())
            return builder.call(function, [builder.inttoptr(word(table, builder, 0), cgutils.voidptr_t), m, *pointers])

        return types.int32(net, types.intp, arrays, work), codegen

    return run


@intrinsic
def workspace(typing_context, net, m):
    """Bytes of a work space for m samples."""
    def codegen(context, builder, signature, values):
        table, m = values
        kind = ir.FunctionType(cgutils.intp_t, [cgutils.voidptr_t, cgutils.intp_t])
        function = builder.inttoptr(word(table, builder, 1), kind.as_pointer())
        return builder.call(function, [builder.inttoptr(word(table, builder, 0), cgutils.voidptr_t), m])

    return types.intp(net, types.intp), codegen


# -- arguments: kinds are checked when the caller is compiled, shapes when it runs -------

def absent(kind):
    return kind is None or isinstance(kind, (types.NoneType, types.Omitted))


def argument(net, name, kind, tail, batch, written=False):
    """A compiled function (array, m) -> array: that very one, if its shape is `tail` behind m rows; of None a new one."""
    dtype, n = net.dtype, tail[-1]
    if absent(kind):
        if batch:
            return register_jitable(lambda array, m: np.empty((m,) + tail, dtype))
        return register_jitable(lambda array, m: np.empty(tail, dtype))
    n_axes = len(tail) + batch
    shape = ("m",) * batch + tail
    shape = f"({', '.join(map(str, shape))}{',' if n_axes == 1 else ''})"
    if not (isinstance(kind, types.Array) and kind.dtype == dtype and kind.ndim == n_axes and kind.layout == "C" and kind.aligned):
        raise TypingError(f"{name} must be a C-contiguous array of {dtype} with shape {shape}; got {kind}")
    if written and not kind.mutable:
        raise TypingError(f"{name} must be writeable; got {kind}")
    message, before = f"{name} must have shape {shape}", tail[0] if len(tail) == 2 else None

    @register_jitable
    def check(array, m):
        if array.shape[-1] != n or (before is not None and array.shape[-2] != before) or (batch and len(array) != m):
            raise ValueError(message)
        return array

    return check


def is_batch(x):
    return getattr(x, "ndim", 1) == 2


@register_jitable
def rows(x):
    return 1 if x.ndim == 1 else len(x)


def space(net, x):
    """A work space for the samples in x, or None: the stack."""


@overload(space)
def overload_space(net, x):
    if x.ndim == 1 and net.n_bytes:
        return lambda net, x: None
    return lambda net, x: np.empty(workspace(net, rows(x)), np.uint8)


# -- methods ---------------------------------------------------------------------

def method_of_x(name, function, tail):
    """value or jacobian: (x, out=None), the result has `tail` behind its rows."""
    run = c_function(function)

    @overload_method(NumbaNetworkType, name)
    def method(net, x, out=None):
        given = argument(net, "x", x, (net.n_in,), is_batch(x))
        wanted = argument(net, "out", out, tail(net), is_batch(x), written=True)

        def implementation(net, x, out=None):
            result = wanted(out, rows(x))
            run(net, rows(x), (given(x, rows(x)), result), space(net, x))
            return result

        return implementation


def method_of_two(name, operand, lengths):
    """jvp or vjp: (x, direction, out=None); lengths of direction and result."""
    run = c_function(name)

    def method(net, x, v, out=None):
        n_given, n_wanted = lengths(net)
        given = argument(net, "x", x, (net.n_in,), is_batch(x))
        direction = argument(net, operand, v, (n_given,), is_batch(x))
        wanted = argument(net, "out", out, (n_wanted,), is_batch(x), written=True)

        def implementation(net, x, v, out=None):
            result = wanted(out, rows(x))
            run(net, rows(x), (given(x, rows(x)), direction(v, rows(x)), result), space(net, x))
            return result

        return implementation

    overload_method(NumbaNetworkType, name)(method)


method_of_x("value", "eval", lambda net: (net.n_out,))
method_of_x("jacobian", "jacobian", lambda net: (net.n_out, net.n_in))
method_of_two("jvp", "v", lambda net: (net.n_in, net.n_out))
method_of_two("vjp", "u", lambda net: (net.n_out, net.n_in))
run_both = c_function("value_and_jacobian")


@overload_method(NumbaNetworkType, "value_and_jacobian")
def value_and_jacobian(net, x, out=None):
    if not absent(out) and not (isinstance(out, types.BaseTuple) and len(out) == 2):
        raise TypingError(f"out must be a tuple of two arrays; got {out}")
    kinds = (None, None) if absent(out) else out
    given = argument(net, "x", x, (net.n_in,), is_batch(x))
    first = argument(net, "out[0]", kinds[0], (net.n_out,), is_batch(x), written=True)
    second = argument(net, "out[1]", kinds[1], (net.n_out, net.n_in), is_batch(x), written=True)

    def into_new(net, x, out=None):
        a, jacobian = first(None, rows(x)), second(None, rows(x))
        run_both(net, rows(x), (given(x, rows(x)), a, jacobian), space(net, x))
        return a, jacobian

    def into(net, x, out=None):
        a, jacobian = first(out[0], rows(x)), second(out[1], rows(x))
        run_both(net, rows(x), (given(x, rows(x)), a, jacobian), space(net, x))
        return out

    return into_new if absent(out) else into
