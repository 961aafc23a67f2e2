"""PyTorch without autograd: hand-written gradients, addmm(out=) into buffers, weights updated by addmm_."""

from itertools import repeat

import workloads
from environment import THREADS

NAME, OUTPUT = "torch", "sigmoid"


def version():
    import torch
    torch.set_num_threads(THREADS)
    return torch.__version__


class Train:
    def __init__(self, sizes, dtype, X, Y, batch_size, eta, start):
        import torch
        self.torch, self.sizes = torch, sizes
        self.start = torch.from_numpy(start.copy())
        self.w, self.b = zip(*workloads.layers_of(self.start, sizes))
        self.X, self.Y = torch.from_numpy(X), torch.from_numpy(Y)
        self.batch_size, self.eta = batch_size, eta / batch_size
        rows = () if batch_size == 1 else (batch_size,)
        self.a, self.delta = ([torch.empty((*rows, n), dtype=self.X.dtype) for n in sizes[1:]] for _ in range(2))
        self.nabla_b = [torch.empty_like(b) for b in self.b]
        self.step = self.online_step if batch_size == 1 else self.batch_step
        self.batches = self.split(self.X, self.Y)

    def split(self, X, Y):
        if self.batch_size == 1:
            return list(zip(X.unbind(), Y.unbind()))
        return list(zip(X.split(self.batch_size), Y.split(self.batch_size)))

    def run(self, epochs):
        with self.torch.inference_mode():
            for _ in range(epochs):
                for x, y in self.batches:
                    self.step(x, y)

    def shuffled_epoch(self, order):
        order = self.torch.from_numpy(order)
        with self.torch.inference_mode():
            for x, y in self.split(self.X[order], self.Y[order]):
                self.step(x, y)

    def batch_step(self, x, y):
        torch, a, delta = self.torch, self.a, self.delta
        prime = torch.ops.aten.sigmoid_backward.grad_input       # delta a (1 - a) in one pass
        inputs, last = [x, *a[:-1]], len(self.w) - 1
        for l, (w, b) in enumerate(zip(self.w, self.b)):
            torch.addmm(b, inputs[l], w.t(), out=a[l])
            torch.sigmoid(a[l], out=a[l])
        torch.sub(a[last], y, out=delta[last])
        for l in range(last, -1, -1):
            if l < last:
                torch.mm(delta[l + 1], self.w[l + 1], out=delta[l])
            prime(delta[l], a[l], grad_input=delta[l])
        for l, (w, b) in enumerate(zip(self.w, self.b)):
            w.addmm_(delta[l].t(), inputs[l], alpha=-self.eta)
            torch.sum(delta[l], 0, out=self.nabla_b[l])
            b.add_(self.nabla_b[l], alpha=-self.eta)

    def online_step(self, x, y):
        torch, a, delta = self.torch, self.a, self.delta
        prime = torch.ops.aten.sigmoid_backward.grad_input
        inputs, last = [x, *a[:-1]], len(self.w) - 1
        for l, (w, b) in enumerate(zip(self.w, self.b)):
            torch.addmv(b, w, inputs[l], out=a[l])
            torch.sigmoid(a[l], out=a[l])
        torch.sub(a[last], y, out=delta[last])
        for l in range(last, -1, -1):
            if l < last:
                torch.mv(self.w[l + 1].t(), delta[l + 1], out=delta[l])
            prime(delta[l], a[l], grad_input=delta[l])
        for l, (w, b) in enumerate(zip(self.w, self.b)):
            w.addr_(delta[l], inputs[l], alpha=-self.eta)
            b.add_(delta[l], alpha=-self.eta)

    def outputs(self, X):
        torch = self.torch
        with torch.inference_mode():
            a = torch.from_numpy(X)
            for w, b in zip(self.w, self.b):
                a = torch.addmm(b, a, w.t()).sigmoid_()
        return a.numpy()

    def parameters(self):
        return self.start.numpy().astype(float)


class Infer:
    def __init__(self, sizes, dtype, X, start):
        import torch
        self.torch, self.X = torch, torch.from_numpy(X)
        self.layers = [(torch.from_numpy(w.copy()), torch.from_numpy(b.copy()),
                        torch.empty((*X.shape[:-1], len(b)), dtype=self.X.dtype))
                       for w, b in workloads.layers_of(start, sizes)]
        self.layers = [(w if X.ndim == 1 else w.t(), b, z) for w, b, z in self.layers]

    def run(self, count):
        torch = self.torch
        single = self.X.ndim == 1
        with torch.inference_mode():
            for _ in repeat(None, count):
                a = self.X
                for w, b, z in self.layers:
                    if single:
                        torch.addmv(b, w, a, out=z)
                    else:
                        torch.addmm(b, a, w, out=z)
                    torch.sigmoid(z, out=z)
                    a = z

    def outputs(self):
        self.run(1)
        return self.layers[-1][-1].numpy()


train, infer = Train, Infer
