#!/usr/bin/env python3
"""Fit a curve, and understand what was fitted: memory latency against the size of the data."""
import argparse
import pathlib

import matplotlib.pyplot as plt
import numpy as np

import moest

ROOT = pathlib.Path(__file__).parents[2]
LOG2_BYTES, LOG2_LATENCY = 0, 2  # columns


def main(folder: pathlib.Path, quick: bool) -> None:
    table = np.genfromtxt(ROOT / "data" / "memory_latency.csv", delimiter=",", skip_header=1)
    X, y = table[:, [LOG2_BYTES]], table[:, LOG2_LATENCY]
    regressor = moest.MoERegressor(expert="linear", n_experts=3 if quick else 4, random_state=0, n_jobs=-1).fit(X, y)
    print(regressor.summary())

    figure, (above, below) = plt.subplots(2, sharex=True, height_ratios=[3, 1], figsize=(6.4, 5.6), layout="constrained")
    moest.plot_fit(regressor, X, y, confidence=0.95, ax=above)
    moest.plot_gate(regressor, X, ax=below)
    above.set_xlabel("")
    above.set_ylabel("log2 of a load's time in ns")
    below.set_xlabel("log2 of the size in bytes")
    figure.savefig(folder / "fit_a_curve.svg", metadata={"Date": None})


if __name__ == "__main__":
    plt.rcParams["svg.hashsalt"] = "moest"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."), help="folder of the picture")
    parser.add_argument("--quick", action="store_true", help="less work, for a test")
    arguments = parser.parse_args()
    main(arguments.output, arguments.quick)
