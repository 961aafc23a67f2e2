"""A frozen net as one Fortran 2008 module: `FrozenNetwork.export_fortran`.

Weights are data of private, saved variables, filled column by column: a parameter array of this length would
pass what the standard and compilers allow of continuation lines and array constructors.  Decimals of 9 (17)
significant digits read back as the same float (double) with any compiler that rounds correctly.
"""

import re

import numpy as np

from fastnet._files import check_path
from fastnet.embed.c_export import tangents_are_cheaper
from fastnet.embed.description import Net, check_name, name_from, wrap, write_text
from fastnet.embed.fortran_activations import DERIVATIVES, HELPERS, SOFTMAX, VALUES
from fastnet.embed.vectors import Vectors

LONGEST_NAME = 63 - len("_selftest")      # Fortran's limit for the names made from it
TAKEN = r"wp|i|n_in|n_out|value(_batch|_and_jacobian)?|[wb]\d+|\w+_(f|prime)|real(32|64)|" + "|".join(HELPERS)
LINE, CONTINUED = 120, 200                # the standard allows 132 characters and 255 continuation lines


def export_fortran(frozen, path, name, selftest):
    """FrozenNetwork.export_fortran, whose docstring says what is written."""
    longest = min(LONGEST_NAME, 40)
    name = name_from(check_path(path), longest) if name is None else check_name(name, longest)
    if re.fullmatch(TAKEN, name, re.IGNORECASE):
        raise ValueError(f"name must not be one of the module's own names; got {name!r}")
    net = Net(frozen, name)
    text = module(net)
    if name.lower() in called(text.partition("\ncontains\n")[2]) | called(PROGRAM) | {"iso_fortran_env"}:
        raise ValueError(f"name must not be that of a procedure or module that the module uses; got {name!r}")
    write_text([(path, text)] + ([] if selftest is None else [(selftest, program(net))]))


def called(text):
    """What Fortran code writes before a parenthesis and does not declare, in lower case: procedures, and keywords."""
    code, declared = re.sub("!.*", "", text.lower()), set()
    for names in re.findall("::(.*)", code):
        while "(" in names:
            names = re.sub(r"\([^()]*\)", "", names)
        declared.update(re.findall(r"[a-z]\w*", names))
    return set(re.findall(r"\b([a-z]\w*) *\(", code)) - declared


def module(net):
    n_in, n_out = net.sizes[0], net.sizes[-1]
    kind = "real32" if net.dtype == np.float32 else "real64"
    names = list(dict.fromkeys(net.activations))
    lines = [*("! " + line if line else "!" for line in about(net)),
             f"module {net.name}",
             f"    use, intrinsic :: iso_fortran_env, only: wp => {kind}",
             "    implicit none",
             "    private",
             "    public :: wp, n_in, n_out, value, value_batch, value_and_jacobian",
             f"    integer, parameter :: n_in = {n_in}, n_out = {n_out}",
             "    integer :: i    ! of the DATA statements", ""]
    for l, (w, b) in enumerate(zip(net.weights, net.biases), 1):
        n, p = w.shape
        lines += [f"    ! Layer {l}: w{l}({n}, {p}), b{l}({n}); {net.activations[l - 1]}.",
                  f"    real(wp), save :: w{l}({n}, {p}), b{l}({n})"]
        for k in range(p):
            lines += data(f"w{l}", w[:, k], f", {k + 1}")
        lines += [*data(f"b{l}", b), ""]
    lines += ["contains", "", *value(net), "", *BATCH.split("\n"), *value_and_jacobian(net)]
    for name in names:
        lines += ["", *SOFTMAX.split("\n")] if name == "softmax" else function(name)
    for helper in HELPERS:
        if any(helper in VALUES.get(name, "") + DERIVATIVES.get(name, "") for name in names):
            lines += ["", *HELPERS[helper].strip("\n").split("\n")]
    return "\n".join(line.rstrip() for line in [*lines, f"end module {net.name}", ""])


def about(net):
    return [*net.about(), "",
            *wrap("Fortran 2008, self-contained.  Public procedures are pure, and any number of threads may call them at once. "
                  "A batch holds a sample a column: x(n_in, m), y(n_out, m); jacobian(i, j) is dy(i) / dx(j)."),
            "", f"use {net.name}, only: wp, value", "y = value(x)", ""]


def data(name, values, rest="", text=None):
    """DATA statements that fill name(1:n, rest), none with too many lines."""
    texts = [(text or decimal)(value) for value in values]
    per_line = (LINE - 8) // (max(map(len, texts)) + 2)
    most = per_line * CONTINUED
    for start in range(0, len(texts), most):
        part = texts[start:start + most]
        rows = [", ".join(part[i:i + per_line]) for i in range(0, len(part), per_line)]
        yield f"    data ({name}(i{rest}), i = {start + 1}, {start + len(part)}) / &"
        for row in rows[:-1]:
            yield f"        {row}, &"
        yield f"        {rows[-1]} /"


def decimal(value):
    return f"{float(value):.{16 if value.dtype.itemsize == 8 else 8}e}_wp"


def function(name):
    """f and f' of one activation, elemental."""
    if name == "identity":
        return []
    lines = ["", f"elemental real(wp) function {name}_f(z) result(a)", "    real(wp), intent(in) :: z"]
    lines += ["    " + line for line in VALUES[name].strip("\n").split("\n")]
    lines += [f"end function {name}_f", "", f"elemental real(wp) function {name}_prime({arguments(name)}) result(s)",
              f"    real(wp), intent(in) :: {arguments(name)}"]
    lines += ["    " + line for line in DERIVATIVES[name].strip("\n").split("\n")]
    lines.append(f"end function {name}_prime")
    return [line if not line or line.startswith("!") else "    " + line for line in lines]


def arguments(name, layer=""):
    """z, a or both: what f' of an activation is taken from."""
    return ", ".join(f"{letter}{layer}" for letter in "za" if re.search(rf"\b{letter}\b", DERIVATIVES[name]))


def value(net):
    last = len(net.sizes) - 1
    lines = ["    ! y = a^L(x).", "    pure recursive function value(x) result(y)", "        real(wp), intent(in) :: x(n_in)",
             "        real(wp) :: y(n_out)"]
    lines += [f"        real(wp) :: a{l}({n})" for l, n in enumerate(net.sizes[1:-1], 1)]
    for l, name in enumerate(net.activations, 1):
        a, below = "y" if l == last else f"a{l}", "x" if l == 1 else f"a{l - 1}"
        z = f"matmul(w{l}, {below}) + b{l}"
        lines.append(f"        {a} = " + (z if name == "identity" else f"{name}_f({z})"))
    return [*lines, "    end function value"]


BATCH = """\
    ! The same for every column of x.
    pure recursive function value_batch(x) result(y)
        real(wp), intent(in) :: x(:, :)
        real(wp) :: y(n_out, size(x, 2))
        integer :: i
        do i = 1, size(x, 2)
            y(:, i) = value(x(1:n_in, i))
        end do
    end function value_batch
"""


def value_and_jacobian(net):
    """Forward with z and a kept, then the Jacobian from whichever end takes fewer products."""
    last = len(net.sizes) - 1
    lines = ["    ! y, and jacobian(i, j) = dy(i) / dx(j).", "    pure recursive subroutine value_and_jacobian(x, y, jacobian)",
             "        real(wp), intent(in) :: x(n_in)", "        real(wp), intent(out) :: y(n_out), jacobian(n_out, n_in)"]
    for l, n in enumerate(net.sizes[1:], 1):
        lines.append(f"        real(wp) :: z{l}({n}), a{l}({n}), s{l}({n})")
    forward = tangents_are_cheaper(net.sizes)
    for l in range(1, last):
        lines.append(f"        real(wp), allocatable :: j{l}(:, :)")
    lines.append("        integer :: i")
    for l in range(1, last):
        lines.append(f"        allocate (j{l}({f'{net.sizes[l]}, n_in' if forward else f'n_out, {net.sizes[l]}'}))")
    for l, name in enumerate(net.activations, 1):
        lines.append(f"        z{l} = matmul(w{l}, {'x' if l == 1 else f'a{l - 1}'}) + b{l}")
        lines.append(f"        a{l} = z{l}" if name == "identity" else f"        a{l} = {name}_f(z{l})")
        if name not in ("softmax", "identity"):
            lines.append(f"        s{l} = {name}_prime({arguments(name, l)})")
        else:
            lines.append(f"        s{l} = {'a' + str(l) if name == 'softmax' else '1'}")
    lines.append(f"        y = a{last}")
    if forward:
        for l, name in enumerate(net.activations, 1):
            j = "jacobian" if l == last else f"j{l}"
            lines.append(f"        {j} = " + ("w1" if l == 1 else f"matmul(w{l}, j{l - 1})"))
            lines += ["        do i = 1, n_in",
                      f"            {j}(:, i) = s{l} * ({j}(:, i) - dot_product(s{l}, {j}(:, i)))" if name == "softmax" else
                      f"            {j}(:, i) = s{l} * {j}(:, i)", "        end do"]
    else:
        target = f"j{last - 1}" if last > 1 else "jacobian"
        lines.append(f"        {target} = w{last}")
        if net.activations[-1] == "softmax":
            lines += [f"        do i = 1, {net.sizes[-2]}",
                      f"            {target}(:, i) = s{last} * ({target}(:, i) - dot_product(s{last}, {target}(:, i)))"]
        else:
            lines += [f"        do i = 1, {net.sizes[-2]}", f"            {target}(:, i) = s{last} * {target}(:, i)"]
        lines.append("        end do")
        for l in range(last - 1, 0, -1):
            lines += [f"        do i = 1, {net.sizes[l]}", f"            j{l}(:, i) = j{l}(:, i) * s{l}(i)", "        end do",
                      f"        {'jacobian' if l == 1 else f'j{l - 1}'} = matmul(j{l}, w{l})"]
    return [*lines, "    end subroutine value_and_jacobian"]


# -- the program that checks it ----------------------------------------------

def program(net):
    found = Vectors(net)
    m = len(found.x)
    arrays = {"x": found.x, "y": found.y, "jacobian": found.jacobian, "y_off": found.y_tolerance,
              "jacobian_off": found.jacobian_tolerance}
    lines = [f"! Checks the module {net.name} against vectors computed in float64; ends with an error if one is off",
             "! by more than rounding may do to it: a bound of first order, layer by layer, in multiples of eps.",
             f"module {net.name}_vectors",
             "    use, intrinsic :: iso_fortran_env, only: dp => real64",
             f"    use {net.name}, only: n_in, n_out",
             "    implicit none",
             f"    integer, parameter :: m = {m}, n_rows = {len(found.rows)}",
             "    integer, private :: i    ! of the DATA statements",
             "    integer, save :: rows(n_rows)    ! of the Jacobians"]
    lines += data("rows", found.rows + 1, text=str)
    for name, array in arrays.items():
        lines.append(f"    real(dp), save :: {name}_flat({array.size})")
        array = np.maximum(array, np.finfo(float).tiny) if name.endswith("_off") else array
        lines += [line.replace("_wp", "_dp") for line in data(f"{name}_flat", array.astype(float).ravel())]
    return "\n".join(line.rstrip() for line in [*lines, PROGRAM.replace("NET", net.name)])


PROGRAM = """\
end module NET_vectors

program NET_selftest
    use, intrinsic :: iso_fortran_env, only: dp => real64
    use NET, only: wp, n_in, n_out, value, value_batch, value_and_jacobian
    use NET_vectors
    implicit none
    real(wp) :: x(n_in, m), y(n_out, m), y_again(n_out), jacobian(n_out, n_in)
    real(dp) :: worst_y, worst_jacobian
    integer :: v, r, j
    worst_y = 0
    worst_jacobian = 0
    x = real(reshape(x_flat, [n_in, m]), wp)
    y = value_batch(x)
    do v = 1, m
        call compare(y(:, v), y_flat((v - 1) * n_out + 1:v * n_out), y_off_flat((v - 1) * n_out + 1:v * n_out), worst_y)
        y_again = value(x(:, v))
        call compare(y_again, y_flat((v - 1) * n_out + 1:v * n_out), y_off_flat((v - 1) * n_out + 1:v * n_out), worst_y)
        call value_and_jacobian(x(:, v), y_again, jacobian)
        call compare(y_again, y_flat((v - 1) * n_out + 1:v * n_out), y_off_flat((v - 1) * n_out + 1:v * n_out), worst_y)
        do r = 1, n_rows
            j = ((v - 1) * n_rows + r - 1) * n_in
            call compare(jacobian(rows(r), :), jacobian_flat(j + 1:j + n_in), jacobian_off_flat(j + 1:j + n_in), worst_jacobian)
        end do
    end do
    print '(a, es9.2, a, es9.2)', 'NET: worst error over tolerance: value ', worst_y, ', Jacobian ', worst_jacobian
    if (.not. (worst_y <= 1 .and. worst_jacobian <= 1)) error stop 'NET: FAILED'

contains

    ! The largest |found - expected| / tolerance so far; NaN counts as huge.
    subroutine compare(found, expected, tolerance, worst)
        real(wp), intent(in) :: found(:)
        real(dp), intent(in) :: expected(:), tolerance(:)
        real(dp), intent(inout) :: worst
        if (.not. all(abs(real(found, dp) - expected) <= worst * tolerance)) &
            worst = merge(maxval(abs(real(found, dp) - expected) / tolerance), huge(worst), all(abs(found) <= huge(found)))
    end subroutine compare
end program NET_selftest
"""
