"""Train, export, compile, run: FOLDER is where everything is written."""

import subprocess
import sys
from pathlib import Path

import numpy as np

import fastnet as fn

HERE = Path(__file__).resolve().parent


def trained():
    """angle, velocity -> acceleration of a damped pendulum."""
    X = np.random.default_rng(0).uniform(-2, 2, (4000, 2))
    Y = -np.sin(X[:, :1]) - 0.1 * X[:, 1:]
    net = fn.Network([2, 16, 16, 1], activation="tanh", output="identity", seed=0)
    for rate in (0.1, 0.01):
        net.fit(X, Y, epochs=100, batch_size=20, learning_rate=rate, seed=0)
    return net


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    trained().freeze().export_c(folder / "pendulum.c", header=folder / "pendulum.h")
    flags = ["-std=c99", "-O3", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    for command in (["cc", *flags, "-DFASTNET_SELFTEST", "pendulum.c", "-o", "selftest", "-lm"],
                    ["./selftest"],
                    ["cc", *flags, "-I.", HERE / "main.c", "pendulum.c", "-o", "main", "-lm"],
                    ["./main"]):
        subprocess.run(command, cwd=folder, check=True)


main(Path(sys.argv[1] if len(sys.argv) > 1 else "build"))
