#!/usr/bin/env python3
"""Choose a gate by cross-validation, and the number of experts by several criteria."""
import argparse
import pathlib

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

import moest

AXIS = np.linspace(-2, 2, 60)


def rings(n: int) -> "tuple[moest.Array, moest.Array]":
    """A plane inside a circle, another one outside: the border is no straight line."""
    rng = np.random.default_rng(3)
    X = rng.uniform(-2, 2, (n, 2))
    inside = X[:, 0] ** 2 + X[:, 1] ** 2 < 1.5
    return X, np.where(inside, 2 - X[:, 0], X[:, 1]) + 0.1 * rng.normal(size=n)


def main(folder: pathlib.Path, quick: bool) -> None:
    X, y = rings(300 if quick else 1000)
    estimator = moest.MoERegressor(expert="linear", random_state=0, starts=4 if quick else None)
    gates = ["softmax", "quadratic", "laplace", "perturbed_cosine"]
    search = GridSearchCV(estimator, {"gate": gates, "n_experts": [2, 3]}, cv=3, scoring="neg_root_mean_squared_error")
    search.fit(X, y)
    for row in np.argsort(search.cv_results_["rank_test_score"]):
        print(f"{-search.cv_results_['mean_test_score'][row]:.3f}  {search.cv_results_['params'][row]}")
    best = search.best_estimator_
    generous = moest.MoERegressor(gate=best.gate, expert="linear", n_experts=4, random_state=0).fit(X, y)
    print(generous.select(X, y, folds=0, starts=4))

    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.8), layout="constrained", sharex=True, sharey=True)
    grid = np.stack(np.meshgrid(AXIS, AXIS), axis=-1).reshape(-1, 2)
    straight = moest.MoERegressor(gate="softmax", expert="linear", n_experts=2, random_state=0).fit(X, y)
    for ax, model in zip(axes, (straight, best)):
        levels = ax.contourf(AXIS, AXIS, model.predict_gate(grid)[:, 0].reshape(len(AXIS), -1), np.linspace(0, 1, 6))
        rmse = np.sqrt(np.mean((model.predict(X) - y) ** 2))
        ax.set_title(f"{model.gate}, {model.n_experts} experts: rmse {rmse:.2f}", fontsize="medium")
        ax.set_xlabel("x1")
    axes[0].set_ylabel("x2")
    figure.colorbar(levels, ax=axes, label="weight of expert 1")
    figure.savefig(folder / "choose_a_gate.svg", metadata={"Date": None})


if __name__ == "__main__":
    plt.rcParams["svg.hashsalt"] = "moest"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."), help="folder of the picture")
    parser.add_argument("--quick", action="store_true", help="less work, for a test")
    arguments = parser.parse_args()
    main(arguments.output, arguments.quick)
