#!/usr/bin/env python3
"""The fits of peer_bench by SciPy, in the JSON form of Google Benchmark: scipy_bench.py FOLDER OUT.json.

FOLDER holds the problems that `race_bench --dump FOLDER` wrote.
"""
import json
import pathlib
import sys
import time

import numpy as np
from scipy import optimize


class Reached(Exception):
    """The residual sum of squares is at the target."""


class Race:
    def __init__(self, path):
        with open(path) as file:
            d, k, n, target = file.readline().split()
            self.d, self.k, self.n, self.target = int(d), int(k), int(n), float(target)
            self.start = np.array(file.readline().split(), dtype=float)
            table = np.loadtxt(file)
        self.z = np.column_stack([table[:, : self.d], np.ones(self.n)])
        self.y = table[:, self.d]
        self.rss = np.inf

    def values(self, v):
        units = v.reshape(2 * self.k - 1, self.d + 1)
        t = self.z @ units.T
        scores = np.column_stack([t[:, : self.k - 1], np.zeros(self.n)])
        scores -= scores.max(axis=1, keepdims=True)
        weights = np.exp(scores)
        weights /= weights.sum(axis=1, keepdims=True)
        experts = np.tanh(t[:, self.k - 1 :])
        f = (weights * experts).sum(axis=1)
        return weights, experts, f

    def residuals(self, v):
        residuals = self.values(v)[2] - self.y
        self.rss = residuals @ residuals
        if self.rss <= self.target:
            raise Reached
        return residuals

    def jacobian(self, v):
        weights, experts, f = self.values(v)
        gates = weights[:, :-1] * (experts[:, :-1] - f[:, None])
        u = np.column_stack([gates, weights * (1 - experts**2)])
        return (u[:, :, None] * self.z[:, None, :]).reshape(self.n, -1)

    def cost_and_gradient(self, v):
        weights, experts, f = self.values(v)
        residuals = f - self.y
        self.rss = residuals @ residuals
        if self.rss <= self.target:
            raise Reached
        gates = weights[:, :-1] * (experts[:, :-1] - f[:, None])
        u = np.column_stack([gates, weights * (1 - experts**2)])
        return 0.5 * self.rss, ((u * residuals[:, None]).T @ self.z).ravel()


def least_squares(race):
    optimize.least_squares(race.residuals, race.start, race.jacobian, method="trf", x_scale="jac", ftol=1e-15,
                           xtol=1e-15, gtol=1e-15, max_nfev=500)


def l_bfgs_b(race):
    optimize.minimize(race.cost_and_gradient, race.start, jac=True, method="L-BFGS-B",
                      options={"maxiter": 20000, "maxfun": 40000, "ftol": 1e-16, "gtol": 1e-12})


def main():
    folder, out = sys.argv[1:]
    results = []
    for path in sorted(pathlib.Path(folder).glob("*.txt")):
        race = Race(path)
        for name, solve in {"scipy_least_squares": least_squares, "scipy_l_bfgs_b": l_bfgs_b}.items():
            for repetition in range(1 if race.n > 10000 else 3):
                begin = time.perf_counter()
                reached = False
                try:
                    solve(race)
                except Reached:
                    reached = True
                seconds = time.perf_counter() - begin
                results.append({"name": f"{name}/d:{race.d}/k:{race.k}/n:{race.n}", "run_type": "iteration",
                                "repetition_index": repetition, "real_time": 1e3 * seconds, "time_unit": "ms",
                                "error_occurred": not reached,
                                "error_message": "" if reached else f"stopped at {race.rss:.12g}"})
    with open(out, "w") as file:
        json.dump({"benchmarks": results}, file, indent=1)


main()
