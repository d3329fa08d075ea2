#!/usr/bin/env python3
"""Reproduce a rate: with one expert too many, split cells converge as n^-1/4 and no faster."""
import argparse
import pathlib
import tempfile

import matplotlib.pyplot as plt

import moest


def main(folder: pathlib.Path, quick: bool) -> None:
    study = moest.Study("softmax_tanh")
    print(study.claim)
    if quick:
        fields = study.to_dict()
        fields.update(sizes=[200, 1000], replicates=3)
        study = moest.Study(fields)
    with tempfile.TemporaryDirectory() as stores:
        study.run(pathlib.Path(stores) / "softmax_tanh.db", n_jobs=-1, verbose=1)
        print(study.rates_report())
        figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.8), layout="constrained")
        moest.plot_rates(study, "regression_l2", ax=axes[0])
        moest.plot_rates(study, "split_rms", ax=axes[1])
    figure.savefig(folder / "reproduce_a_rate.svg", metadata={"Date": None})


if __name__ == "__main__":
    plt.rcParams["svg.hashsalt"] = "moest"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."), help="folder of the picture")
    parser.add_argument("--quick", action="store_true", help="less work, for a test")
    arguments = parser.parse_args()
    main(arguments.output, arguments.quick)
