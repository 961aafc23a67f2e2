"""A trained net inside functions that numba compiles: a loop over time, and many of them shared by threads.

A pendulum's net gives its angular acceleration.  Semi-implicit Euler steps over it run in one compiled function,
1,000 pendulums at once in `prange`, and the same function serves another net, for a damped pendulum, without
being compiled again.
"""

import numba
import numpy as np

import fastnet as fn


def pendulum(damping):
    """A net of the angular acceleration -sin(angle) - damping speed."""
    rng = np.random.default_rng(0)
    X = rng.uniform([-3.2, -2.5], [3.2, 2.5], (2000, 2))
    Y = -np.sin(X[:, :1]) - damping * X[:, 1:]
    net = fn.Network([2, 16, 16, 1], activation="tanh", output="identity", seed=0)
    net.fit(X, Y, epochs=300, optimizer="lbfgs")
    return net.freeze()


@numba.njit
def swing(net, angle, speed, step, n):
    """Angle and speed after n steps."""
    x, acceleration = np.array([angle, speed]), np.empty(1)
    for _ in range(n):
        net.value(x, acceleration)                   # into an array: nothing is allocated
        x[1] += step * acceleration[0]
        x[0] += step * x[1]
    return x


@numba.njit(parallel=True)
def swing_all(net, angles, step, n):
    out = np.empty((len(angles), 2))
    for i in numba.prange(len(angles)):
        out[i] = swing(net, angles[i], 0.0, step, n)
    return out


@numba.njit
def growth(net, x):
    """The largest real part of an eigenvalue of the linearised motion at x."""
    slope = net.jacobian(x)                          # (1, 2)
    trace, determinant = slope[0, 1], -slope[0, 0]
    return trace / 2 if trace * trace < 4 * determinant else trace / 2 + np.sqrt(trace * trace / 4 - determinant)


free, damped = pendulum(0.0), pendulum(0.3)
angles = np.linspace(-2, 2, 1000)
found = {}
for name, net in (("free", free), ("damped", damped)):
    found[name] = swing_all(net.numba(), angles, 0.01, 500)
    alone = np.array([swing(net.numba(), angle, 0.0, 0.01, 500) for angle in angles[::100]])
    assert np.array_equal(found[name][::100], alone)                     # threads change no bit
    print(f"{name}: from an angle of 2 to {found[name][-1, 0]:.4f} after 5 s; "
          f"growth at rest {growth(net.numba(), np.zeros(2)):+.3f}, upside down {growth(net.numba(), np.array([np.pi, 0.0])):+.3f}")
assert len(swing.signatures) == 1                                        # one compilation for both

energy = found["free"][:, 1] ** 2 / 2 - np.cos(found["free"][:, 0])
assert np.abs(energy + np.cos(angles)).max() < 0.05                      # the free one keeps it
assert np.abs(found["damped"][:, 0]).max() < np.abs(found["free"][:, 0]).max()
