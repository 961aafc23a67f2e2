"""fastnet's plain engine: the same work as compiled steps over BLAS, FASTNET_PATH=plain."""

import fastnet as fn
from peers import fastnet_itself

NAME, OUTPUT = "BLAS", "sigmoid"


def version():
    import scipy
    return f"fastnet {fn.__version__}, FASTNET_PATH=plain, BLAS of scipy {scipy.__version__}"


def train(*work):
    return fastnet_itself.Train(*work, path="plain")


def infer(*work):
    return fastnet_itself.Infer(*work, path="plain")
