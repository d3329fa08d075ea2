"""What theory says: identifiability and Voronoi losses."""
from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

from . import _core
from ._kinds import gate_record, option_names
from ._model import model_of
from ._report import Report, json_text, threads_of


def voronoi_loss(fitted: Any, truth: Any, *, power: float = 2) -> Report:
    """How far the experts of a fit are from those of a known truth.

    Parameters
    ----------
    fitted, truth : Model or fitted MoERegressor
        Of the same kinds of gate and expert, inputs and scaling.
    power : float
        r >= 1 of the loss L2,r.

    Returns
    -------
    Report
        `raw` and `reduced`: L1 (``"l1"``), L2,r (``"l2r"``) and the Voronoi cells, in raw and in reduced coordinates.
        Losses do not depend on the order of the experts, nor on a common shift of the gates.

    Examples
    --------
    >>> import moest
    >>> truth = moest.Model({
    ...     "moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"}, "inputs": ["x"], "target": "y",
    ...     "atoms": [{"bias": 0, "gate": [4], "expert": [1, 0]}, {"bias": 0, "gate": [0], "expert": [-1, 0]}]})
    >>> moest.voronoi_loss(truth, truth)["reduced"]["l1"]
    0.0
    """
    answer = _core.loss(model_of(fitted)._core, model_of(truth)._core, power)
    return Report(answer["record"], answer["report"])


def analyze(
    gate: str = "softmax",
    expert: Optional[str] = None,
    *,
    n_inputs: int = 1,
    n_true: int = 2,
    n_experts: Optional[int] = None,
    activation: Optional[str] = None,
    parameters: Sequence[str] = (),
    model: Any = None,
    truths: int = 3,
    half_width: float = 2.5,
    n_samples: Optional[float] = None,
    noise: Optional[float] = None,
    inputs: str = "uniform:-2.5,2.5",
    merge_gates: Optional[Tuple[int, int]] = None,
    seed: int = 1,
    n_jobs: Optional[int] = None,
    **options: Any,
) -> Report:
    """What data could determine of a mixture, how fast, and what stands in the way.

    Parameters
    ----------
    gate : str
        Kind of gate.
    expert : str, optional
        Kind of expert, or a formula ``"expr: c*tanh(a*x1 + b)"`` of the inputs x1, x2, .. and of `parameters`.
    n_inputs, n_true : int
        Numbers of inputs and of true experts.
    n_experts : int, optional
        Number of fitted experts; by default one more than true ones.
    activation : str, optional
        Of an ffn expert a kind of neuron; or the link of neurons as a formula of t, ``"expr: t/(1+exp(-t))"``.
    parameters : sequence of str
        Names in the formula that are parameters.
    model : Model or fitted MoERegressor, optional
        A truth to analyse, in place of a kind at random ones: `gate`, `expert`, `n_inputs` and `n_true` are its own.
    truths : int
        Number of random truths.
    half_width : float
        Inputs are looked at in the box |x_j| <= half_width.
    n_samples, noise : float, optional
        Size of a sample and standard deviation of its noise, for predicted standard errors.
    inputs : str
        Law of each input for them.
    merge_gates : (int, int), optional
        Two experts, from 0: the smallest singular value of the Jacobian while their gates merge.
    seed : int
    n_jobs : int, optional
    **options
        Options of the gate and of the expert, as `MoERegressor` has them.

    Returns
    -------
    Report
        `exact` and `over`: verdict (``regular``, ``scale_gauge``, ``slow``, ``flat``, ``undecided``), rate, reason and
        relations of the exact- and the over-specified setting, and what would make a mixture regular. `latex` is the
        text with relations in LaTeX.

    Examples
    --------
    >>> import moest
    >>> moest.analyze("softmax", "tanh")["over"]["verdict"]
    'regular'
    >>> moest.analyze("softmax", "linear")["over"]["verdict"]
    'flat'
    """
    gate_options = {name: value for name, value in options.items() if name in option_names("gate")}
    question = {
        "gate": gate_record(gate, gate_options),
        "expert": expert,
        "expert_options": {name: value for name, value in options.items() if name not in gate_options},
        "n_inputs": n_inputs,
        "n_true": n_true,
        "n_experts": n_experts,
        "activation": activation,
        "parameters": list(parameters),
        "truths": truths,
        "half_width": half_width,
        "n_samples": n_samples,
        "noise": noise,
        "inputs": inputs,
        "merge_gates": None if merge_gates is None else list(merge_gates),
        "seed": seed,
        "threads": threads_of(n_jobs),
    }
    truth = None if model is None else model_of(model)._core
    answer = _core.analyze(json_text(question), truth)
    report = Report(answer["record"], answer["report"])
    report.latex = answer["latex"]
    return report

