"""Build, train, integrate: FOLDER is where everything is written."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import fastnet as fn

HERE = Path(__file__).resolve().parent


def exactly(state, h, steps):
    """The same swing with the true acceleration, by Runge and Kutta's fourth-order rule."""
    def slope(s):
        return np.array([s[1], -np.sin(s[0]) - 0.1 * s[1]])
    for _ in range(steps):
        a = slope(state)
        b = slope(state + h / 2 * a)
        c = slope(state + h / 2 * b)
        state = state + h / 6 * (a + 2 * b + 2 * c + slope(state + h * c))
    return state


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("setup.py", "pendulum.pyx"):
        shutil.copy(HERE / name, folder)
    subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=folder, check=True)
    sys.path.insert(0, str(folder))
    import pendulum

    net = fn.Network([2, 16, 1], activation="tanh", output="identity", seed=0)
    model = fn.TrainingModel(net)
    for rate in (0.5, 0.2, 0.05):
        cost = pendulum.learn(model, net.parameters, 40_000, rate)
    try:
        pendulum.learn(model, net.parameters[1:], 1, 0.1)
        raise SystemExit("a parameter vector of the wrong length was taken")
    except ValueError as error:
        print("refused:", error)

    state = np.array([1.0, 0.0])
    pendulum.swing(net.freeze(), state, 0.01, 1000)
    truth = exactly(np.array([1.0, 0.0]), 0.01, 1000)
    x, y = np.array([0.3, -0.2]), np.empty(1)
    pendulum.calls(f := net.freeze(), x, y, 1000)
    print(f"cost {cost:.1e}; after 10 s: net {state}, true {truth}")
    if not (np.abs(state - truth).max() < 0.1 and np.allclose(y, f(x))):
        raise SystemExit("the net and the truth drift apart")


main(Path(sys.argv[1] if len(sys.argv) > 1 else "build"))
