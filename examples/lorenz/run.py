"""A net learns the Lorenz equations; a C loop and scipy integrate it, implicit solvers with its Jacobian.

FOLDER is where everything is written.  --quick: less training, shorter paths.  --png PATH: the picture (needs matplotlib).
"""

import argparse
import subprocess
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

import fastnet as fn

HERE = Path(__file__).resolve().parent
SIGMA, RHO, BETA = 10.0, 28.0, 8.0 / 3.0
START = np.array([3.81, 5.34, 17.69])      # near the attractor
EXPONENT = 0.906                         # the largest Lyapunov exponent; Sprott, Chaos and Time-Series Analysis, 2003
TIGHT = {"rtol": 1e-11, "atol": 1e-11}


def lorenz(t, s):
    x, y, z = s
    return np.array([SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z])


def lorenz_tangent(s, v):
    x, y, z = s
    return np.array([SIGMA * (v[1] - v[0]), v[0] * (RHO - z) - x * v[2] - v[1], y * v[0] + x * v[1] - BETA * v[2]])


def samples(n, rng):
    """States in a tube around the attractor, and their velocities."""
    path = solve_ivp(lorenz, (0, 5 + n / 50), START, t_eval=5 + np.arange(n) / 50, rtol=1e-8, atol=1e-8).y.T
    states = path + rng.normal(0, 1.5, path.shape)
    return states, lorenz(0, states.T).T


def train(n, epochs):
    """A net in the units of the data: learnt on standardised numbers, whose scales then go into its outer layers."""
    states, velocities = samples(n, np.random.default_rng(0))
    (m, s), (M, S) = ((data.mean(0), data.std(0)) for data in (states, velocities))
    net = fn.Network([3, 32, 32, 3], activation="tanh", output="identity", seed=1)
    net.fit((states - m) / s, (velocities - M) / S, epochs=epochs, optimizer="lbfgs")
    first, last = net.weights[0], net.weights[-1]
    first /= s                                            # w (x - m) / s + b = (w / s) x + (b - (w / s) m)
    net.biases[0][:] -= first @ m
    last *= S[:, None]
    net.biases[-1][:] = net.biases[-1] * S + M
    return net


def by_c(net, folder, step, n, every):
    """Path of the exported net, by a compiled loop: t (k,) and states (k, 3)."""
    net.export_c(folder / "lorenz_net.c", header=folder / "lorenz_net.h")
    subprocess.run(["cc", "-std=c99", "-O3", "-Wall", "-Wextra", "-Werror", "-I.", HERE / "main.c", "lorenz_net.c", "-lm", "-o", "main"],
                   cwd=folder, check=True)
    done = subprocess.run(["./main", repr(step), str(n), str(every), *(repr(float(x)) for x in START)], cwd=folder,
                          check=True, capture_output=True, text=True)
    found = np.array([line.split() for line in done.stdout.splitlines()], float)
    return found[:, 0], found[:, 1:]


def by_scipy(field, t):
    return solve_ivp(field, (0, t[-1]), START, t_eval=t, method="DOP853", **TIGHT).y.T


class Counted:
    """A frozen net that counts its calls."""

    def __init__(self, f):
        self.f, self.values, self.jacobians = f, 0, 0

    def value(self, t, x):
        self.values += 1
        return self.f(x)

    def jacobian(self, t, x):
        self.jacobians += 1
        return self.f.jacobian(x)

    def by_differences(self, x, here):
        """The Jacobian at x, where the value is known, by forward differences: a value an input."""
        steps = 1e-8 * np.maximum(np.abs(x), 1)
        return np.array([(self.value(0, x + step) - here) / size for step, size in zip(np.diag(steps), steps)]).T


def rosenbrock(f, x, step, n, exact):
    """ROS2, linearly implicit, L-stable, second order: a Jacobian a step, no iterations.

    J. G. Verwer, E. J. Spee, J. G. Blom, W. Hundsdorfer, SIAM J. Sci. Comput. 20 (1999) 1456-1480.
    """
    gamma = 1 - 1 / np.sqrt(2)
    for _ in range(n):
        here = f.value(0, x)
        matrix = np.eye(3) - gamma * step * (f.jacobian(0, x) if exact else f.by_differences(x, here))
        first = np.linalg.solve(matrix, here)
        second = np.linalg.solve(matrix, f.value(0, x + step * first) - 2 * first)
        x = x + step * (1.5 * first + 0.5 * second)
    return x


def implicit_calls(f, seconds):
    """Method: (values with a Jacobian by differences, values with the net's own, how many of those)."""
    def scipys(method):
        return lambda net, exact: solve_ivp(net.value, (0, seconds), START, method=method, rtol=1e-2, atol=1e-2,
                                            jac=net.jacobian if exact else None)          # None: by differences

    methods = {"Radau": scipys("Radau"), "BDF": scipys("BDF"),
               "Rosenbrock": lambda net, exact: rosenbrock(net, START, 0.01, 100 * seconds, exact)}
    calls = {}
    for name, follow in methods.items():
        numeric, exact = Counted(f), Counted(f)
        follow(numeric, False)
        follow(exact, True)
        calls[name] = numeric.values, exact.values, exact.jacobians
        print(f"{name}: {numeric.values} values where the Jacobian is taken by differences; {exact.values}, and {exact.jacobians} "
              f"Jacobians, with the net's own: {1 - exact.values / numeric.values:.0%} saved")
        assert exact.values < numeric.values
    return calls


def lyapunov(field, tangent, seconds, step=0.01):
    """The largest Lyapunov exponent: how fast a tangent vector grows, dv/dt = J v, along a path (RK4)."""
    x, v, growth, skip = START, np.array([1.0, 0.0, 0.0]), 0.0, 1000
    n = int(seconds / step)
    for i in range(skip + n):
        slopes, directions = [field(x)], [tangent(x, v)]
        for part in (0.5, 0.5, 1.0):
            here, there = x + part * step * slopes[-1], v + part * step * directions[-1]
            slopes.append(field(here))
            directions.append(tangent(here, there))
        x = x + step * (slopes[0] + 2 * slopes[1] + 2 * slopes[2] + slopes[3]) / 6
        v = v + step * (directions[0] + 2 * directions[1] + 2 * directions[2] + directions[3]) / 6
        size = np.linalg.norm(v)
        v = v / size
        growth += np.log(size) if i >= skip else 0.0
    return growth / (n * step)


def maxima(z):
    """Successive maxima of z, each by the parabola through three points."""
    i = np.flatnonzero((z[1:-1] > z[:-2]) & (z[1:-1] >= z[2:])) + 1
    a, b = (z[i + 1] + z[i - 1] - 2 * z[i]) / 2, (z[i + 1] - z[i - 1]) / 2
    return z[i] - b * b / (4 * a)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--png", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    net = train(500, 300) if options.quick else train(4000, 3000)
    f = net.freeze()
    states, velocities = samples(300, np.random.default_rng(1))
    error = np.sqrt(np.mean((f(states) - velocities) ** 2) / np.mean(velocities ** 2))
    print(f"velocities: relative error {error:.1e} at states that it has not seen")

    seconds = 4 if options.quick else 30
    t, from_c = by_c(f, options.folder, 0.001, seconds * 1000, 10)
    from_scipy, truth = by_scipy(lambda t, x: f(x), t), by_scipy(lorenz, t)
    apart = {"C and scipy": np.linalg.norm(from_c - from_scipy, axis=1), "net and equations": np.linalg.norm(from_scipy - truth, axis=1)}
    print(f"at t = 1: C loop and scipy {apart['C and scipy'][t == 1][0]:.1e} apart, net and equations {apart['net and equations'][t == 1][0]:.1e}")

    calls = implicit_calls(f, seconds)
    duration = 10 if options.quick else 500
    exponent, expected = lyapunov(f, f.jvp, duration), lyapunov(lambda x: lorenz(0, x), lorenz_tangent, duration)
    print(f"largest Lyapunov exponent over {duration}: {exponent:.3f} by the net and its derivatives, {expected:.3f} by the equations; "
          f"{EXPONENT} published")

    times = np.arange(0, 10 if options.quick else 200, 0.01)
    tops = {name: maxima(solve_ivp(field, (0, times[-1]), START, t_eval=times, rtol=1e-7, atol=1e-7).y[2][500:])
            for name, field in (("net", lambda t, x: f(x)), ("equations", lorenz))}
    print(f"mean maximum of z: {tops['net'].mean():.2f} by the net, {tops['equations'].mean():.2f} by the equations")

    assert error < (0.1 if options.quick else 0.002)
    assert apart["C and scipy"][t == 1][0] < 1e-6
    assert options.quick or abs(exponent - EXPONENT) < 0.05
    if options.png:
        from picture import draw
        draw(options.png, t, from_c, truth, apart, EXPONENT, tops, calls)


main()
