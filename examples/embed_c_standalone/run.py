"""Train, export, compile, run: FOLDER is where everything is written."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import fastnet as fn

HERE = Path(__file__).resolve().parent


def trained():
    """angle, velocity -> acceleration of a damped pendulum, by scipy's L-BFGS."""
    X = np.random.default_rng(0).uniform(-2, 2, (1000, 2))
    Y = -np.sin(X[:, :1]) - 0.1 * X[:, 1:]
    net = fn.Network([2, 16, 16, 1], activation="tanh", output="identity", seed=0)

    def cost(parameters):
        net.parameters = parameters
        return net.value_and_gradient(X, Y)

    net.parameters = minimize(cost, net.parameters.copy(), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return net


def library_flags(*options):
    """What pkg-config says of an installed libfastnet; None if there is none that it finds."""
    if not shutil.which("pkg-config"):
        return None
    done = subprocess.run(["pkg-config", *options, "fastnet"], capture_output=True, text=True)
    return done.stdout.split() if done.returncode == 0 else None


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    net = trained()
    net.freeze().export_c(folder / "pendulum.c", header=folder / "pendulum.h")
    flags = ["-std=c99", "-O3", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    for command in (["cc", *flags, "-DFASTNET_SELFTEST", "pendulum.c", "-o", "selftest", "-lm"],
                    ["./selftest"],
                    ["cc", *flags, "-I.", HERE / "main.c", "pendulum.c", "-o", "main", "-lm"],
                    ["./main"]):
        subprocess.run(command, cwd=folder, check=True)

    library = library_flags("--cflags", "--libs")
    if library is None:
        print("pkg-config finds no libfastnet (make -C src_c install PREFIX=...; PKG_CONFIG_PATH): left out")
        return
    net.save(folder / "pendulum.safetensors")
    path = "-Wl,-rpath," + library_flags("--variable=libdir")[0]
    subprocess.run(["cc", *flags, HERE / "library.c", "-o", "library", *library, path, "-lm"], cwd=folder, check=True)
    subprocess.run(["./library"], cwd=folder, check=True)


main(Path(sys.argv[1] if len(sys.argv) > 1 else "build"))
