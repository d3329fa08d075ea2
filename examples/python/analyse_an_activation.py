#!/usr/bin/env python3
"""Analyse activations of one's own: can their experts be told apart, and how well with a sample of given size?"""
import argparse
import pathlib

import matplotlib.pyplot as plt
import numpy as np

import moest

ACTIVATIONS = {
    "t / (1 + exp(-t))": "expr: t/(1+exp(-t))",
    "tanh(t)": "expr: tanh(t)",
    "t + t^2 / 2": "expr: t + t^2/2",
    "t": "expr: t",
}


def main(folder: pathlib.Path, quick: bool) -> None:
    truths = 1 if quick else 3
    reports = {
        title: moest.analyze("softmax", activation=formula, truths=truths, n_samples=10_000, noise=0.1, n_jobs=-1)
        for title, formula in ACTIVATIONS.items()
    }
    for title, report in reports.items():
        print(f"{title}: {report['over']['verdict']} ({report['over']['rate']}): {report['over']['reason']}")
        for relation in report["over"]["relations"]:
            print(f"    {relation['text']}")

    figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for i, (title, report) in enumerate(reports.items()):
        errors = [parameter["standard_error"] for parameter in report["predicted_standard_errors"]]
        ax.scatter(np.full(len(errors), i), errors, s=18, color=f"C{i}")
    ax.set_yscale("log")
    ax.set_xticks(range(len(reports)), [f"{title}\n{report['over']['verdict']}" for title, report in reports.items()])
    ax.set_ylabel("predicted standard errors, two experts\nfitted (n = 10,000, noise 0.1)")
    ax.set_title("verdicts with one expert too many", fontsize="medium")
    figure.savefig(folder / "analyse_an_activation.svg", metadata={"Date": None})


if __name__ == "__main__":
    plt.rcParams["svg.hashsalt"] = "moest"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."), help="folder of the picture")
    parser.add_argument("--quick", action="store_true", help="less work, for a test")
    arguments = parser.parse_args()
    main(arguments.output, arguments.quick)
