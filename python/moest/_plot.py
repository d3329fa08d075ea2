"""Pictures on matplotlib's axes: axes in, axes out."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import matplotlib.pyplot as plt
import numpy as np

from ._model import model_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._study import Study

_POINTS = 400


def plot_fit(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    feature: int = 0,
    target: int = 0,
    confidence: Optional[float] = None,
    ax: Optional["Axes"] = None,
) -> "Axes":
    """The regression function along one input, with the data, the experts where they lead, and a confidence band.

    Other inputs are held at their medians.

    Parameters
    ----------
    model : fitted MoERegressor or Model
    X : array-like of shape (n, d)
        Where it is drawn: over the range of its column `feature`.
    y : array-like of shape (n,) or (n, m), optional
        Targets, as points.
    feature : int
        The input along which it is drawn, by its column.
    target : int
        Which of several targets.
    confidence : float, optional
        Of a band around the curve, 0.95 say.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = plt.gca() if ax is None else ax
    fitted = model_of(model)
    columns = _columns(model, X)
    grid = _grid_along(columns, feature)
    along = grid[:, feature]
    if y is not None:
        ax.scatter(columns[:, feature], _of_target(np.asarray(y, dtype=float), target), s=9, color="0.65", zorder=1, label="data")
    used = _used(model, grid)
    if fitted.n_members == 1:
        weights, experts = fitted.predict_gate(used), fitted.predict_experts(used)
        experts = experts if experts.ndim == 2 else experts[:, target, :]
        leader = weights.argmax(axis=1)
        for i in range(weights.shape[1]):
            ax.plot(
                along, np.where(leader == i, experts[:, i], np.nan), linewidth=5, alpha=0.35, color=f"C{i}", zorder=2,
                solid_capstyle="butt", label=f"expert {i + 1}" if (leader == i).any() else None,
            )
    if confidence is not None:
        lower, upper = fitted.predict_interval(used, confidence)
        band = _of_target(lower, target), _of_target(upper, target)
        ax.fill_between(along, *band, color="0.3", alpha=0.2, linewidth=0, zorder=3, label=f"{confidence:.0%} band")
    ax.plot(along, _of_target(fitted.predict(used), target), color="black", linewidth=1.2, zorder=4, label="fit")
    ax.set_xlabel(_names(model)[feature])
    ax.set_ylabel(fitted.targets[target])
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_gate(model: Any, X: Any, *, feature: int = 0, ax: Optional["Axes"] = None) -> "Axes":
    """The weights of the experts along one input, the others held at their medians.

    Parameters
    ----------
    model : fitted MoERegressor or Model
    X : array-like of shape (n, d)
    feature : int
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = plt.gca() if ax is None else ax
    fitted = model_of(model)
    grid = _grid_along(_columns(model, X), feature)
    weights = fitted.predict_gate(_used(model, grid))
    for i in range(weights.shape[1]):
        ax.plot(grid[:, feature], weights[:, i], color=f"C{i}", label=f"expert {i + 1}")
    ax.set_xlabel(_names(model)[feature])
    ax.set_ylabel("weight")
    ax.set_ylim(-0.02, 1.02)
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_rates(study: "Study", metric: str = "regression_l2", *, ax: Optional["Axes"] = None) -> "Axes":
    """A metric against the sample size on logarithmic axes, with standard errors and fitted slopes, arm by arm.

    Parameters
    ----------
    study : Study
        With its trials.
    metric : str
        Of metrics of atoms the largest over all atoms is drawn.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = plt.gca() if ax is None else ax
    rows = [row for row in study.points() if row["metric"] == metric and row["atom"] is None]
    if not rows:
        known = sorted({row["metric"] for row in study.points()})
        raise ValueError(f"the study has no metric {metric} (it has {', '.join(known)})")
    for i, row in enumerate(rows):
        sizes = np.array([point["size"] for point in row["points"]], dtype=float)
        values = np.array([point["value"] for point in row["points"]], dtype=float)
        errors = np.array([point["standard_error"] or 0.0 for point in row["points"]], dtype=float)
        slope = "" if row["slope"] is None else f": slope {row['slope']:.2f}"
        slope += "" if row["slope_se"] is None else f" ({row['slope_se']:.2f})"
        ax.errorbar(sizes, values, 2 * errors, fmt="o", markersize=3, color=f"C{i}", label=row["arm"] + slope)
        if row["slope"] is not None:
            middle = np.exp(np.mean(np.log(values)) + row["slope"] * (np.log(sizes) - np.mean(np.log(sizes))))
            ax.plot(sizes, middle, color=f"C{i}", linewidth=1)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("sample size n")
    ax.set_ylabel(metric)
    ax.legend(frameon=False, fontsize="small")
    return ax


def _of_target(values: Any, target: int) -> Any:
    return values if values.ndim == 1 else values[:, target]


def _columns(model: Any, X: Any) -> Any:
    """All inputs of the data, as numbers; of a frame those that the model was fitted to, by their names."""
    names = list(_names(model))
    if hasattr(X, "columns") and set(names) <= set(X.columns):
        X = X[names]
    elif hasattr(X, "columns") and not (hasattr(model, "n_features_in_") and not hasattr(model, "feature_names_in_")):
        raise ValueError(f"the frame lacks columns (the inputs are {', '.join(names)})")
    columns = np.asarray(X, dtype=float)
    return columns.reshape(-1, 1) if columns.ndim == 1 else columns


def _names(model: Any) -> Any:
    names = getattr(model, "_input_names", None)
    return model.inputs if names is None else names()


def _used(model: Any, grid: Any) -> Any:
    """The columns that the model has."""
    names = list(_names(model))
    return grid[:, [names.index(name) for name in model_of(model).inputs]]


def _grid_along(columns: Any, feature: int) -> Any:
    grid = np.tile(np.median(columns, axis=0), (_POINTS, 1))
    grid[:, feature] = np.linspace(columns[:, feature].min(), columns[:, feature].max(), _POINTS)
    return grid
