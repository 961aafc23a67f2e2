"""PyTorch as it is usually written: nn.Sequential, autograd, optim.SGD."""

import numpy as np

import workloads
from environment import THREADS

NAME, OUTPUT = "torch nn", "sigmoid"


def version():
    import torch
    torch.set_num_threads(THREADS)
    return torch.__version__


class Train:
    def __init__(self, sizes, dtype, X, Y, batch_size, eta, start):
        import torch
        from torch import nn
        self.torch, self.batch_size = torch, batch_size
        self.X, self.Y = torch.from_numpy(X), torch.from_numpy(Y)
        self.net = nn.Sequential()
        for w, b in workloads.layers_of(start, sizes):
            linear = nn.Linear(w.shape[1], w.shape[0], dtype=self.X.dtype)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(w.copy()))
                linear.bias.copy_(torch.from_numpy(b.copy()))
            self.net.extend([linear, nn.Sigmoid()])
        self.cost = nn.MSELoss(reduction="sum")
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=eta / (2 * batch_size))     # MSELoss has no ½
        self.batches = self.split(self.X, self.Y)

    def split(self, X, Y):
        return list(zip(X.split(self.batch_size), Y.split(self.batch_size)))

    def over(self, batches):
        for x, y in batches:
            self.optimizer.zero_grad()
            self.cost(self.net(x), y).backward()
            self.optimizer.step()

    def run(self, epochs):
        for _ in range(epochs):
            self.over(self.batches)

    def shuffled_epoch(self, order):
        order = self.torch.from_numpy(order)
        self.over(self.split(self.X[order], self.Y[order]))

    def outputs(self, X):
        with self.torch.inference_mode():
            return self.net(self.torch.from_numpy(X)).numpy()

    def parameters(self):
        return np.concatenate([part.detach().numpy().ravel() for part in self.net.parameters()]).astype(float)


train = Train
