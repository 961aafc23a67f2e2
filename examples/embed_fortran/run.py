"""Train, export, compile, run: FOLDER is where everything is written."""

import subprocess
import sys
from pathlib import Path

import numpy as np

import fastnet as fn

HERE = Path(__file__).resolve().parent


def trained():
    """x, y -> V = (x^2 + 2 y^2) / 4."""
    X = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
    net = fn.Network([2, 20, 1], activation="tanh", output="identity", seed=0)
    net.fit(X, (X**2 @ [[1.0], [2.0]]) / 4, epochs=60, batch_size=20, learning_rate=0.1, seed=0)
    return net


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    trained().freeze().export_fortran(folder / "potential.f90", selftest=folder / "potential_selftest.f90")
    flags = ["-std=f2008", "-O2", "-Wall", "-Werror"]
    for command in (["gfortran", *flags, "potential.f90", "potential_selftest.f90", "-o", "selftest"],
                    ["./selftest"],
                    ["gfortran", *flags, "potential.f90", HERE / "main.f90", "-o", "main"],
                    ["./main"]):
        subprocess.run(command, cwd=folder, check=True)


main(Path(sys.argv[1] if len(sys.argv) > 1 else "build"))
