"""Mixtures of experts by least squares.

`MoERegressor` is the estimator for scikit-learn; `load` and `save` share models with the command line; `analyze`
says what data could determine of a mixture, `voronoi_loss` how far a fit is from a truth, `Study` measures how fast
fits converge; `plot_fit`, `plot_gate` and `plot_rates` draw on matplotlib's axes.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import __version__, build_info
from ._model import Array, Model, load, save, simulate
from ._report import Report
from ._study import Study
from ._theory import analyze, voronoi_loss

if TYPE_CHECKING:
    from ._plot import plot_fit, plot_gate, plot_rates
    from ._regressor import MoERegressor, Selection

__all__ = [
    "Array",
    "Model",
    "MoERegressor",
    "Report",
    "Selection",
    "Study",
    "__version__",
    "analyze",
    "build_info",
    "load",
    "plot_fit",
    "plot_gate",
    "plot_rates",
    "save",
    "simulate",
    "voronoi_loss",
]

# What needs scikit-learn or matplotlib is imported when it is first asked for.
_LATER = {
    "MoERegressor": "_regressor",
    "Selection": "_regressor",
    "plot_fit": "_plot",
    "plot_gate": "_plot",
    "plot_rates": "_plot",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'moest' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
