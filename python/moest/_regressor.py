"""The estimator for scikit-learn."""
from __future__ import annotations

import os
import warnings
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from . import _core
from ._kinds import option_names, own_record
from ._model import Array, Model, model_of
from ._report import Report, json_text, progress_line, threads_of, whole


class Selection(Report):
    """How many experts the data need, as each criterion sees it.

    A `Report` with `rows`, one for each number of experts, and what BIC, AIC, the dendrogram and cross-validation
    choose.

    Parameters
    ----------
    record, text : str
        As of `Report`.

    Attributes
    ----------
    models : dict of int to Model
        The fits, by their number of experts.
    """

    models: Dict[int, Model]


class MoERegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Mixture of experts by least squares.

    Minimises the sum of (y - f(x))^2 over f(x) = sum_i w_i(x) h_i(x), w the gate's weights and h_i the experts.
    Options of a gate or an expert count for the kinds that have them, and are ignored by others.

    Parameters
    ----------
    gate : str, default="softmax"
        Kind of gate: softmax, dense_to_sparse, hierarchical, cosine, perturbed_cosine, quadratic, monomial, laplace,
        sigmoid or normalized_sigmoid.
    expert : str, default="tanh"
        Kind of expert: constant, linear, polynomial, tanh, sigmoid, gelu, silu, softplus, relu or ffn.
    n_experts : int, default=3
        Number of experts.
    tau1 : float, default=0.1
        Offset of the norm of omega in the score. Of perturbed_cosine.
    tau2 : float, default=0.1
        Offset of the norm of x in the score. Of perturbed_cosine.
    temperature : float or "learned", optional
        The score is divided by it: small values make sharp gates; dense_to_sparse learns it unless it is given.
        Of dense_to_sparse, cosine, perturbed_cosine.
    input_map : str, default="identity"
        What the gate sees of each input x: x or tanh(x). One of identity, tanh. Of softmax, dense_to_sparse,
        hierarchical, cosine, perturbed_cosine, quadratic, monomial, sigmoid, normalized_sigmoid, laplace.
    top_k : int, default=0
        Only the experts with so many largest scores have a weight, 0 for all. Of softmax, dense_to_sparse,
        cosine, perturbed_cosine, quadratic, monomial, normalized_sigmoid, laplace.
    router : str, default="identity"
        The function r in the score (r(omega . x) + b) / temperature. One of identity, tanh, gelu, sigmoid. Of
        dense_to_sparse.
    groups : int or sequence of int, optional
        So many equal groups of experts, or the sizes of the groups; 0 for two groups, as equal as possible. Of
        hierarchical.
    degree : int, default=2
        The power p in (a.x + b)^p. Of polynomial.
    hidden : int, default=4
        The number of hidden neurons of each expert. Of ffn.
    activation : str, default="tanh"
        The function of the hidden neurons. One of sigmoid, tanh, gelu, silu, softplus, relu. Of ffn.
    bias : bool, default=True
        The constant b in a.x + b. Of linear, polynomial, sigmoid, tanh, gelu, silu, softplus, relu.
    output_weight : bool, default=False
        A factor c before the neuron: c phi(a.x + b). Of polynomial, sigmoid, tanh, gelu, silu, softplus, relu.
    output_offset : bool, default=False
        A constant after the neuron: phi(a.x + b) + c_0. Of polynomial, sigmoid, tanh, gelu, silu, softplus,
        relu.
    starts : int, optional
        Number of starts, half by greedy splitting and half random; by default rounds of starts are added until
        the best optimum has been found several times.
    bound : float, default=200
        Bound on every gate and expert coordinate and bias, in scaled coordinates.
    tolerance : float, default=1e-06
        A start has converged when two iterations in a row decrease the residual sum of squares by less than
        this. Unit: noise variances.
    max_iterations : int, default=500
        Iterations per start.
    max_seconds : float, optional
        End after this time with the best fit so far; no limit by default. Unit: s.
    scaling : bool, default=True
        Fit on standardised inputs and target; the scaling is stored in the model.
    acceleration : bool, default=True
        Go on with the exact Hessian where plain Levenberg-Marquardt is slow.
    abandoning : bool, default=True
        End a start early when it can hardly reach the best one any more.
    greedy : bool, default=True
        Half of the starts by greedy splitting, which finds more but takes long where there are many experts;
        the others are random.
    loss : str, default="squared"
        What a residual costs: with huber and cauchy, outliers count less. One of squared, huber, cauchy.
    ridge : float, default=0
        Penalty on the squared parameters of gates and experts: better predictions where data are few, but no
        standard errors. Unit: squared units of the scaled target.
    ensemble : int, default=1
        Number of distinct optima, the best ones, whose predictions are averaged.
    clipping : bool, default=False
        The model predicts nothing beyond the range that a target has in the data, as lines do where the data
        end.
    confidence : float, default=0.95
        That of the intervals of the coefficients.
    covariance : str, default="sandwich"
        Standard errors that hold for uneven noise and a truth that is no such mixture, or only for even noise.
        One of sandwich, classical.
    fix : sequence of str, default=()
        Equations ``PATH=VALUE`` or ``PATH=PATH`` of numbers of the model file, as ``--fix`` of the command line.
    start : Model, optional
        A model that adds one start, ``model_`` of another fit say; with ``starts=0`` the only one.
    random_state : int, RandomState instance or None, default=None
        An int gives the same bits for any number of threads, on one instruction set.
    n_jobs : int, optional
        Threads: None is one, -1 all. The fit does not depend on it.
    verbose : int, default=0
        1 writes how far the fit is to standard error.

    Attributes
    ----------
    model_ : Model
        What was fitted, as `moest.save` writes it.
    summary_ : Report
        All that the fit says of itself: status, starts, noise, standard errors, advice; prints as a text.
    coefficients_ : list of dict
        Name, estimate, standard error and confidence limits of each coefficient, None with a reason where the data do
        not determine it.
    converged_ : bool
        Whether the best start has converged.
    rss_ : float
        Residual sum of squares, over all targets.
    noise_variance_ : float or list of float or None
        By target; None where there are not more samples than parameters.
    aic_, bic_ : float or None
    n_iter_ : int
        Iterations of the longest start.
    seed_ : int
        What `random_state` gave, for `moest fit --seed`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame whose columns have names.
    n_outputs_ : int
        Number of targets.

    See Also
    --------
    moest.analyze : whether this gate and expert can be identified at all.

    Examples
    --------
    >>> import numpy as np
    >>> from moest import MoERegressor
    >>> x = np.linspace(-3, 3, 200)
    >>> y = np.abs(x)
    >>> regressor = MoERegressor(expert="linear", n_experts=2, random_state=0).fit(x[:, None], y)
    >>> regressor.predict([[-2.0], [2.0]]).round(2)
    array([2., 2.])
    """

    model_: Model
    summary_: Report
    n_features_in_: int
    feature_names_in_: npt.NDArray[Any]

    def __init__(
        self,
        gate: str = "softmax",
        expert: str = "tanh",
        n_experts: int = 3,
        *,
        tau1: float = 0.1,
        tau2: float = 0.1,
        temperature: Union[None, float, str] = None,
        input_map: str = "identity",
        top_k: int = 0,
        router: str = "identity",
        groups: Union[None, int, Sequence[int]] = None,
        degree: int = 2,
        hidden: int = 4,
        activation: str = "tanh",
        bias: bool = True,
        output_weight: bool = False,
        output_offset: bool = False,
        starts: Optional[int] = None,
        bound: float = 200,
        tolerance: float = 1e-6,
        max_iterations: int = 500,
        max_seconds: Optional[float] = None,
        scaling: bool = True,
        acceleration: bool = True,
        abandoning: bool = True,
        greedy: bool = True,
        loss: str = "squared",
        ridge: float = 0,
        ensemble: int = 1,
        clipping: bool = False,
        confidence: float = 0.95,
        covariance: str = "sandwich",
        fix: Sequence[str] = (),
        start: Any = None,
        random_state: Union[None, int, np.random.RandomState] = None,
        n_jobs: Optional[int] = None,
        verbose: int = 0,
    ) -> None:
        self.gate = gate
        self.expert = expert
        self.n_experts = n_experts
        self.tau1 = tau1
        self.tau2 = tau2
        self.temperature = temperature
        self.input_map = input_map
        self.top_k = top_k
        self.router = router
        self.groups = groups
        self.degree = degree
        self.hidden = hidden
        self.activation = activation
        self.bias = bias
        self.output_weight = output_weight
        self.output_offset = output_offset
        self.starts = starts
        self.bound = bound
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.max_seconds = max_seconds
        self.scaling = scaling
        self.acceleration = acceleration
        self.abandoning = abandoning
        self.greedy = greedy
        self.loss = loss
        self.ridge = ridge
        self.ensemble = ensemble
        self.clipping = clipping
        self.confidence = confidence
        self.covariance = covariance
        self.fix = fix
        self.start = start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MoERegressor":
        """Fit the mixture.

        Ctrl-C ends the fit with the best so far and a `ConvergenceWarning`, or where there is nothing yet with a
        KeyboardInterrupt, as a second Ctrl-C does.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs. Those that are the same in every row are left out.
        y : array-like of shape (n,) or (n, m)
            Targets; several share the gate.
        sample_weight : array-like of shape (n,), optional
            How much each row counts; rows of weight 0 are left out.

        Returns
        -------
        self
        """
        named = _target_names(y)
        X, y = self._validate_data(X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2)
        y = np.asarray(y, dtype=np.float64)
        inputs = self._input_names()
        targets = _free_names(named if named is not None else _numbered("y", *y.shape[1:]), inputs)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        parameters = self.get_params(deep=False)
        answer = _core.fit(
            X,
            y.reshape(len(y), -1),
            self._weights(sample_weight, X),
            inputs,
            targets,
            json_text(own_record("gate", self.gate, parameters)),
            json_text(own_record("expert", self.expert, parameters)),
            whole("n_experts", self.n_experts),
            json_text(self._fit_options(seed)),
            None if self.start is None else model_of(self.start)._core,
            self._progress(),
        )
        if answer["mixture"] is None:
            raise KeyboardInterrupt
        self.seed_ = seed
        self.n_outputs_ = len(targets)
        self._target_shape = y.shape[1:]
        self._remember(answer)
        self._warn(answer)
        return self

    def predict(self, X: Any) -> Array:
        """Predict the regression function.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs in the data's units.

        Returns
        -------
        ndarray of shape (n,) or (n, m)
            f(x) at each row, in the shape that y had.
        """
        X = self._used(X)
        return self._as_predicted(self.model_._core.predict(X, threads_of(self.n_jobs)))

    def predict_gate(self, X: Any) -> Array:
        """Predict the weights of the experts.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs in the data's units.

        Returns
        -------
        ndarray of shape (n, n_experts)
            w_i(x) at each row. Raises ValueError for an ensemble.
        """
        return self._model().predict_gate(self._used(X), n_jobs=self.n_jobs)

    def predict_experts(self, X: Any) -> Array:
        """Predict the values of the experts.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs in the data's units.

        Returns
        -------
        ndarray of shape (n, n_experts), of several targets (n, m, n_experts)
            h_i(x) at each row. Raises ValueError for an ensemble.
        """
        return self._model().predict_experts(self._used(X), n_jobs=self.n_jobs)

    def predict_interval(self, X: Any, confidence: Optional[float] = None) -> Tuple[Array, Array]:
        """Pointwise confidence limits of the regression function, by the delta method.

        Parameters
        ----------
        X : array-like of shape (n, d)
        confidence : float, optional
            By default that of the estimator.

        Returns
        -------
        lower, upper : ndarrays of the shape of `predict`
        """
        level = self.confidence if confidence is None else confidence
        lower, upper = self._model().predict_interval(self._used(X), level, n_jobs=self.n_jobs)
        return self._as_predicted(lower), self._as_predicted(upper)

    def sample(self, X: Any, random_state: Union[None, int, np.random.RandomState] = None) -> Array:
        """Targets drawn at X: the regression function plus normal noise of the fitted variance.

        Parameters
        ----------
        X : array-like of shape (n, d)
        random_state : int, RandomState instance or None

        Returns
        -------
        ndarray of the shape of `predict`
        """
        seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
        return self._as_predicted(self._model().sample(self._used(X), seed=seed, n_jobs=self.n_jobs))

    def summary(self) -> str:
        """Return the summary of the fit.

        Returns
        -------
        str
            What the command line prints.
        """
        self._model()
        return self.summary_.text

    def select(
        self, X: Any, y: Any, sample_weight: Any = None, *, folds: int = 5, starts: Optional[int] = None
    ) -> Selection:
        """How many experts the data need, from this fit down to a single expert.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The inputs of the fit, which should have more experts than are needed.
        y : array-like of shape (n,) or (n, m)
            Its targets.
        sample_weight : array-like of shape (n,), optional
            Its weights.
        folds : int, default=5
            Of the cross-validation; 0 leaves it out.
        starts : int, optional
            Starts of each fit beside the merged atoms.

        Returns
        -------
        Selection
            `rows` (by number of experts), and what each criterion chooses; `models` holds the fits.
        """
        model = self._model()
        X, y = self._validate_data(X, y, reset=False, dtype=np.float64, multi_output=True, y_numeric=True)
        y = np.asarray(y, dtype=np.float64)
        if y.shape[1:] != self._target_shape:
            raise ValueError(f"y has shape {y.shape}, but MoERegressor was fitted to {self.n_outputs_} target(s)")
        options = {"folds": folds, "starts": starts, "seed": self.seed_, "threads": threads_of(self.n_jobs)}
        progress = None
        if self.verbose:
            show = progress_line("fits")

            def progress(done: int, planned: int, seconds: float) -> None:
                show(done, planned, done / planned, seconds)

        answer = _core.select(
            model._core, self._used_columns(X), y.reshape(len(y), -1), self._weights(sample_weight, X), model.inputs,
            model.targets, json_text(options), progress,
        )
        if answer["was_interrupted"]:
            raise KeyboardInterrupt
        selection = Selection(answer["record"], answer["report"])
        models = [Model(mixture) for mixture in answer["mixtures"]]
        selection.models = {row["experts"]: fitted for row, fitted in zip(selection["rows"], models)}
        return selection

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Write the model file, which the command line reads, too.

        Parameters
        ----------
        path : str or path
            The file, written whole or not at all.
        """
        self._model().save(path)

    def to_onnx(self, path: Union[None, str, "os.PathLike[str]"] = None, *, precision: str = "float") -> bytes:
        """Export the fitted model for ONNX runtimes.

        Parameters
        ----------
        path : str or path, optional
            Where it is written, too.
        precision : {"float", "double"}
            Of its numbers.

        Returns
        -------
        bytes
            As of `Model.to_onnx`; the input ``x`` has the columns of ``model_.inputs``.
        """
        return self._model().to_onnx(path, precision=precision)

    def _model(self) -> Model:
        check_is_fitted(self)
        return self.model_

    def _used(self, X: Any) -> Array:
        """The columns that the fit used."""
        self._model()
        return self._used_columns(self._validate_data(X, reset=False, dtype=np.float64))

    def _used_columns(self, X: Array) -> Array:
        return X if len(self._columns) == X.shape[1] else X[:, self._columns]

    def _as_predicted(self, values: Array) -> Array:
        """In the shape that y had."""
        return values.reshape(len(values), *self._target_shape)

    def _input_names(self) -> List[str]:
        names = getattr(self, "feature_names_in_", None)
        return [str(name) for name in names] if names is not None else _numbered("x", self.n_features_in_)

    @staticmethod
    def _weights(sample_weight: Any, X: Array) -> Optional[Array]:
        if sample_weight is None:
            return None
        weights: Array = _check_sample_weight(sample_weight, X, dtype=np.float64, only_non_negative=True)
        return weights.reshape(-1, 1)

    def _fit_options(self, seed: int) -> Dict[str, Any]:
        options = {name: getattr(self, name) for name in option_names("fit") if name not in ("seed", "threads")}
        fix = [self.fix] if isinstance(self.fix, str) else list(self.fix)
        return {**options, "seed": seed, "threads": threads_of(self.n_jobs), "fix": fix}

    def _progress(self) -> Any:
        if not self.verbose:
            return None
        show = progress_line("starts")

        def progress(done: int, planned: int, share: float, seconds: float, rss: Optional[float]) -> None:
            show(done, planned, share, seconds, "" if rss is None else f", best RSS {rss:.6g}")

        return progress

    def _remember(self, answer: Dict[str, Any]) -> None:
        self.model_ = Model(answer["mixture"])
        self.summary_ = Report(answer["summary"], answer["report"])
        names = self._input_names()
        self._columns = [names.index(name) for name in self.model_.inputs]
        self.coefficients_ = self.summary_["coefficients"]
        self.converged_ = self.summary_["status"] == "converged"
        self.rss_ = self.summary_["rss"]
        self.noise_variance_ = self.summary_["noise_variance"]
        self.aic_, self.bic_ = self.summary_["aic"], self.summary_["bic"]
        self.n_iter_ = max([1, *(start["iterations"] for start in self.summary_["starts"])])

    def _warn(self, answer: Dict[str, Any]) -> None:
        for note in answer["notes"]:
            warnings.warn(note, UserWarning, stacklevel=3)
        if not self.converged_:
            warnings.warn(f"{self.summary_['status']}: {self.summary_['message']}", ConvergenceWarning, stacklevel=3)
        elif self.noise_variance_ is None:
            warnings.warn(
                "there are not more samples than parameters: the fit is one of many that are as good",
                ConvergenceWarning, stacklevel=3,
            )

    def _more_tags(self) -> Dict[str, Any]:
        return {"multioutput": True}


def _numbered(prefix: str, number: int = 1) -> List[str]:
    return [prefix] if prefix == "y" and number == 1 else [f"{prefix}{j + 1}" for j in range(number)]


def _target_names(y: Any) -> Optional[List[str]]:
    """Those of a pandas Series or DataFrame."""
    if hasattr(y, "columns"):
        return [str(name) for name in y.columns]
    name = getattr(y, "name", None)
    return [str(name)] if name is not None else None


def _free_names(targets: List[str], inputs: List[str]) -> List[str]:
    """The targets' names, or where an input or another target has one, or it is empty, with _ behind."""
    taken = set(inputs)
    free = []
    for name in targets:
        while not name or name in taken:
            name = name + "_" if name else "y"
        taken.add(name)
        free.append(name)
    return free
