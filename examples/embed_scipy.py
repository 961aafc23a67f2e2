"""A trained net inside scipy: integrated and filtered in C, followed, solved and minimised with its exact derivatives.

quad, nquad, dblquad, tplquad and three functions of scipy.ndimage take compiled callbacks; the frozen net gives
them one, and no Python runs in their loops.  Everything else in scipy calls Python: there the frozen net's own
methods serve, which cost a fraction of a microsecond.
"""

import numpy as np
from scipy import integrate, ndimage, optimize

import fastnet as fn

rng = np.random.default_rng(0)


def surrogate(function, n_in, n_hidden=24):
    """A net that has seen 2,000 samples of a function on [-1, 1]^n."""
    X = rng.uniform(-1, 1, (2000, n_in))
    Y = function(*X.T).reshape(len(X), -1)
    net = fn.Network([n_in, n_hidden, n_hidden, Y.shape[1]], activation="tanh", output="identity", seed=0)
    net.fit(X, Y, epochs=300, optimizer="lbfgs")
    return net.freeze()


def close(what, found, expected, within):
    print(f"{what}: {np.round(found, 5)}, exactly {np.round(expected, 5)}")
    assert np.allclose(found, expected, atol=within), what


# -- compiled callbacks ----------------------------------------------------------

bump = surrogate(lambda x, y: np.exp(-x * x - 2 * y * y), 2)

exact = integrate.quad(lambda x: np.exp(-x * x - 0.5), -1, 1)[0]
close("integral over x at y = 0.5", integrate.quad(bump.low_level_callable("quad", fixed={1: 0.5}), -1, 1)[0], exact, 1e-2)
close("the same, y by args", integrate.quad(bump.low_level_callable("quad"), -1, 1, args=(0.5,))[0], exact, 1e-2)

exact = integrate.dblquad(lambda y, x: np.exp(-x * x - 2 * y * y), -1, 1, -1, 1)[0]
call = bump.low_level_callable("nquad")                                  # variables in the order of the inputs
close("integral over x and y, nquad", integrate.nquad(call, [(-1, 1), (-1, 1)])[0], exact, 1e-2)
call = bump.low_level_callable("dblquad", inputs=(1, 0))                 # dblquad calls f(y, x): y is input 1
close("the same, dblquad", integrate.dblquad(call, -1, 1, -1, 1)[0], exact, 1e-2)

edges = surrogate(lambda *window: (window[2] - window[0]) ** 2, 3)       # of three values in a row
image = rng.uniform(-1, 1, (20, 30))
found = ndimage.generic_filter1d(image, edges.low_level_callable("ndimage.generic_filter1d"), 3)
exact = (np.pad(image, ((0, 0), (0, 1)), "symmetric")[:, 1:] - np.pad(image, ((0, 0), (1, 0)), "symmetric")[:, :-1]) ** 2
close("squared differences along rows, at most off by", np.abs(found - exact).max(), 0, 0.3)
call = edges.low_level_callable("ndimage.generic_filter")
found_2d = ndimage.generic_filter(image, call, footprint=[[1, 1, 1]])
assert np.array_equal(found_2d, found)                                   # the same windows, the same bits

# -- Python callables ------------------------------------------------------------

# x'' = -x, from its right-hand side; an implicit method takes the exact Jacobian
field = surrogate(lambda x, v: np.stack([v, -x], axis=1), 2)
path = integrate.solve_ivp(lambda t, x: field(x), (0, 2), [0.8, 0.0], method="Radau", jac=lambda t, x: field.jacobian(x),
                           rtol=1e-8, atol=1e-8)
close("x, v at t = 2", path.y[:, -1], [0.8 * np.cos(2), -0.8 * np.sin(2)], 2e-2)

# where the field is (0.1, 0.2): value and Jacobian by one call
def equations(x):
    value, jacobian = field.value_and_jacobian(x)
    return value - [0.1, 0.2], jacobian

solution = optimize.root(equations, [0.0, 0.0], jac=True)
close("where v = 0.1 and -x = 0.2", solution.x, [-0.2, 0.1], 1e-2)

# the top of the bump: the gradient of a scalar net is the row of its Jacobian
def height(x):
    value, jacobian = bump.value_and_jacobian(x)
    return -value[0], -jacobian[0]

top = optimize.minimize(height, [0.6, -0.5], jac=True, method="BFGS")
close("the top of the bump", top.x, [0, 0], 5e-2)

# the point whose outputs come nearest to a measurement
nearest = optimize.least_squares(lambda x: field(x) - [0.1, 0.2], [0.0, 0.0], jac=field.jacobian)
close("the nearest point", nearest.x, [-0.2, 0.1], 1e-2)
