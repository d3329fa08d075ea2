"""Fitted or written models: files, predictions, samples."""
from __future__ import annotations

import json
import os
from typing import Any, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._report import json_text, threads_of, whole

Array = npt.NDArray[np.float64]


class Model:
    """A mixture of experts, or an ensemble of them, as a model file holds it.

    Inputs are arrays of shape (n, d) whose columns are in the order of `inputs`, or data frames with columns of these
    names; they are read where they are when they hold float64. Predictions have shape (n,), of several targets (n, m).

    Parameters
    ----------
    source : dict or str
        The JSON of a model file, as a dict or as text.

    Examples
    --------
    >>> import moest
    >>> model = moest.Model({
    ...     "moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"}, "inputs": ["x"], "target": "y",
    ...     "atoms": [{"bias": 0, "gate": [4], "expert": [1, 0]}, {"bias": 0, "gate": [0], "expert": [-1, 0]}]})
    >>> model.predict([[-10.0], [10.0]])
    array([10., 10.])
    """

    def __init__(self, source: Union[dict[str, Any], str, _core.Mixture]) -> None:
        if isinstance(source, _core.Mixture):
            self._core = source
        else:
            self._core = _core.Mixture.from_json(source if isinstance(source, str) else json_text(source))

    def __repr__(self) -> str:
        record = self.to_dict()
        members = record.get("members")
        first = members[0] if members else record
        of = f"ensemble of {len(members)} models, " if members else ""
        return (
            f"<moest.Model: {of}{first['gate']['kind']} gate, {len(first['atoms'])} {first['expert']['kind']} experts of "
            f"{', '.join(self.inputs)}>"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self._core.to_json() == other._core.to_json()

    __hash__ = None  # type: ignore[assignment]

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs."""
        return self._core.inputs

    @property
    def targets(self) -> list[str]:
        """Names of the targets."""
        return self._core.targets

    @property
    def n_members(self) -> int:
        """Number of models whose predictions are averaged; 1 where it is no ensemble."""
        return self._core.n_members

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON of the model file.

        Returns
        -------
        dict
            Its fields.
        """
        record: dict[str, Any] = json.loads(self._core.to_json())
        return record

    def describe(self) -> str:
        """Describe the model for people.

        Returns
        -------
        str
            Formulas, options and coefficients.
        """
        return self._core.describe()

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Write the model file.

        Parameters
        ----------
        path : str or path
            The file, written whole or not at all.
        """
        self._core.write(os.fspath(path))

    def predict(self, X: npt.ArrayLike, *, n_jobs: Optional[int] = None) -> Array:
        """The regression function f(x) = sum_i w_i(x) h_i(x) at each row.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs in the data's units.
        n_jobs : int, optional
            Threads; None is one, -1 all. The values do not depend on it.

        Returns
        -------
        ndarray of shape (n,) or (n, m)
            In the targets' units.
        """
        return flat(self._core.predict(self._array(X), threads_of(n_jobs)))

    def predict_gate(self, X: npt.ArrayLike, *, n_jobs: Optional[int] = None) -> Array:
        """Predict the weights of the experts.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs in the data's units.
        n_jobs : int, optional
            Threads; None is one, -1 all.

        Returns
        -------
        ndarray of shape (n, k)
            w_i(x) at each row. Raises ValueError for an ensemble.
        """
        return self._core.gate(self._array(X), threads_of(n_jobs))

    def predict_experts(self, X: npt.ArrayLike, *, n_jobs: Optional[int] = None) -> Array:
        """Predict the values of the experts.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs in the data's units.
        n_jobs : int, optional
            Threads; None is one, -1 all.

        Returns
        -------
        ndarray of shape (n, k), of several targets (n, m, k)
            h_i(x) at each row. Raises ValueError for an ensemble.
        """
        experts = self._core.experts(self._array(X), threads_of(n_jobs))
        m = len(self.targets)
        return experts if m == 1 else experts.reshape(experts.shape[0], m, -1)

    def predict_interval(
        self, X: npt.ArrayLike, confidence: float = 0.95, *, n_jobs: Optional[int] = None
    ) -> Tuple[Array, Array]:
        """Pointwise confidence limits of f(x) by the delta method.

        Parameters
        ----------
        X : array-like of shape (n, d)
        confidence : float
            Between 0 and 1.
        n_jobs : int, optional

        Returns
        -------
        lower, upper : ndarrays of the shape of `predict`
            Raises ValueError where the model has no covariance: an ensemble, a fit with a ridge or one that has not
            converged.
        """
        lower, upper = self._core.band(self._array(X), confidence, threads_of(n_jobs))
        return flat(lower), flat(upper)

    def sample(self, X: npt.ArrayLike, *, seed: int = 0, n_jobs: Optional[int] = None) -> Array:
        """Draw targets at given inputs.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs in the data's units.
        seed : int
            The same seed gives the same bits.
        n_jobs : int, optional
            Threads; None is one, -1 all.

        Returns
        -------
        ndarray of the shape of `predict`
            f(x) plus normal noise of the model's variance.
        """
        return flat(self._core.sample(self._array(X), whole("seed", seed), threads_of(n_jobs)))

    def to_onnx(self, path: Union[None, str, os.PathLike[str]] = None, *, precision: str = "float") -> bytes:
        """The model for ONNX runtimes: scaling, gate and experts as standard operators.

        Parameters
        ----------
        path : str or path, optional
            Where it is written, too; whole or not at all.
        precision : {"float", "double"}
            Of its numbers.

        Returns
        -------
        bytes
            The ONNX model. Its input ``x`` has the columns of `inputs`, in the data's units; its outputs are ``y`` and,
            of a single model, ``weights``. Raises ValueError where standard operators do not suffice.
        """
        from . import _onnx

        content = _onnx.onnx_bytes(self._core.to_json(), precision)
        if path is not None:
            _core.write_file(os.fspath(path), content)
        return content

    def _array(self, X: Any) -> npt.NDArray[Any]:
        if hasattr(X, "columns") and all(isinstance(name, str) for name in X.columns):
            X = self._named_columns(X)
        if hasattr(X, "toarray"):
            raise TypeError("A sparse matrix was passed, but dense data is required. Use X.toarray().")
        if np.iscomplexobj(X):
            raise ValueError("Complex data not supported")
        array = np.asarray(X, dtype=np.float64)
        if array.ndim == 1 and len(self.inputs) == 1:
            array = array.reshape(-1, 1)
        if array.ndim != 2:
            raise ValueError(f"Expected 2D array, got {array.ndim}D array instead: X has a row for each sample")
        if not np.isfinite(array.sum()) and not np.isfinite(array).all():
            raise ValueError("Input X contains NaN or infinity.")
        return array

    def _named_columns(self, X: Any) -> Any:
        """The inputs by their names; ``COLUMN=LEVEL`` is 1 where the column has that level, and 0 elsewhere."""
        if set(self.inputs) <= set(X.columns):
            return X[self.inputs]
        categories = self._categories
        columns = []
        for name in self.inputs:
            if name in X.columns:
                columns.append(np.asarray(X[name], dtype=np.float64))
                continue
            column, _, level = name.partition("=")
            if column not in categories or column not in X.columns:
                raise ValueError(f"the frame has no column {name} (the model's inputs are {', '.join(self.inputs)})")
            labels = X[column].astype(str)
            unknown = set(labels) - set(categories[column])
            if unknown:
                known = ", ".join(categories[column])
                raise ValueError(f"{column} = {min(unknown)} is no level of the model (its levels are {known})")
            columns.append(np.asarray(labels == level, dtype=np.float64))
        return np.column_stack(columns) if columns else np.empty((len(X), 0))

    @property
    def _categories(self) -> dict[str, list[str]]:
        record = self.to_dict()
        found: dict[str, list[str]] = record.get("members", [record])[0].get("categories", {})
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Model, (self._core.to_json(),)


def flat(values: Array) -> Array:
    """(n,) in place of (n, 1)."""
    return values[:, 0] if values.shape[1] == 1 else values


def load(path: Union[str, os.PathLike[str]]) -> Model:
    """Read a model file, of this package or of the command line.

    Parameters
    ----------
    path : str or path
        The file; "-" is standard input.

    Returns
    -------
    Model
        A model or an ensemble.
    """
    return Model(_core.Mixture.read(os.fspath(path)))


def save(model: Any, path: Union[str, os.PathLike[str]]) -> None:
    """Write a model file, which the command line reads, too.

    Parameters
    ----------
    model : Model or fitted MoERegressor
        What is written.
    path : str or path
        The file, written whole or not at all.
    """
    model_of(model).save(path)


def model_of(model: Any) -> Model:
    """A model, or that of a fitted estimator."""
    found = model if isinstance(model, Model) else getattr(model, "model_", None)
    if not isinstance(found, Model):
        raise TypeError(f"a moest.Model or a fitted moest.MoERegressor is needed, not {type(model).__name__}")
    return found


def simulate(
    model: Any,
    n_samples: int,
    *,
    inputs: str = "uniform:-1,1",
    noise: Union[None, float, Sequence[float]] = None,
    seed: int = 0,
    n_jobs: Optional[int] = None,
) -> Tuple[Array, Array]:
    """Draw inputs and targets from a model.

    Parameters
    ----------
    model : Model or fitted MoERegressor
    n_samples : int
    inputs : str
        Law of each input, independently: ``"uniform:LOW,HIGH"`` or ``"normal:MEAN,SD"``.
    noise : float or sequence of float, optional
        Standard deviation of the noise, one for each target; by default the model's own.
    seed : int
        The same seed gives the same bits as ``moest simulate``.
    n_jobs : int, optional

    Returns
    -------
    X : ndarray of shape (n_samples, d)
    y : ndarray of shape (n_samples,) or (n_samples, m)

    Examples
    --------
    >>> import moest
    >>> model = moest.Model({
    ...     "moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"}, "inputs": ["x"], "target": "y",
    ...     "atoms": [{"bias": 0, "gate": [4], "expert": [1, 0]}, {"bias": 0, "gate": [0], "expert": [-1, 0]}]})
    >>> X, y = moest.simulate(model, 100, noise=0.1, seed=7)
    >>> X.shape, y.shape
    ((100, 1), (100,))
    """
    levels = None if noise is None else [float(value) for value in np.atleast_1d(np.asarray(noise, dtype=float))]
    n_samples, seed = whole("n_samples", n_samples), whole("seed", seed)
    X, y = model_of(model)._core.simulate(n_samples, inputs, levels, seed, threads_of(n_jobs))
    return X, flat(y)
