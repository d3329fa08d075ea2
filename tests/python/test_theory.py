"""Losses and the identifiability analysis."""
import numpy as np
import pytest

import moest


def line_model(bias, slopes):
    atoms = [{"bias": b, "gate": [w], "expert": [a, c]} for b, (w, a, c) in zip(bias, slopes)]
    return moest.Model(
        {"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"}, "inputs": ["x"], "target": "y",
         "atoms": atoms}
    )


def test_loss_does_not_depend_on_order_or_common_shift():
    truth = line_model([0.2, 0], [(4, 1, 0), (0, -1, 0.5)])
    same = line_model([3, 3.2], [(7, -1, 0.5), (11, 1, 0)])
    loss = moest.voronoi_loss(same, truth)
    assert loss["reduced"]["l1"] == pytest.approx(0, abs=1e-12)
    # One gate slope off by 0.1, half of it taken up by the common shift: hand-computed bound.
    off = moest.voronoi_loss(line_model([0.2, 0], [(4.1, 1, 0), (0, -1, 0.5)]), truth)
    assert 0 < off["reduced"]["l1"] <= 0.1 * np.exp(0.2) + 1e-9
    assert str(off).startswith("softmax gate, 2 linear experts") and f"{off['reduced']['l1']:.4g}" in str(off)
    with pytest.raises(ValueError, match="expert"):
        moest.voronoi_loss(
            truth,
            moest.Model({**truth.to_dict(), "expert": {"kind": "tanh"}}),
        )


def test_verdicts():
    regular = moest.analyze("softmax", "tanh")
    assert regular["over"]["verdict"] == "regular" and "n^-1/4" in str(regular)
    flat = moest.analyze("softmax", "linear", n_samples=1e4, noise=0.1)
    assert flat["over"]["verdict"] == "flat"
    assert "d2F/d b^2 = 0" in [relation["text"] for relation in flat["over"]["relations"]]
    assert r"\partial" in flat.latex and len(flat["predicted_standard_errors"]) == 8
    assert moest.analyze("perturbed_cosine", "tanh", n_inputs=2, tau1=0.2)["over"]["verdict"] == "regular"


def test_formulas_of_ones_own():
    swish = moest.analyze("softmax", activation="expr: t/(1+exp(-t))")
    assert swish["over"]["verdict"] == "regular"
    line = moest.analyze("softmax", "expr: a*x1 + b", parameters=["a", "b"])
    assert line["over"]["verdict"] == "flat"
    with pytest.raises(ValueError, match="character 6"):
        moest.analyze("softmax", "expr: a*(x1", parameters=["a"])
    with pytest.raises(ValueError, match="unknown field"):
        moest.analyze("softmax", "tanh", slope=3)
    with pytest.raises(ValueError, match="truths"):
        moest.analyze("softmax", "tanh", truths=0)
    for bad in ({"n_true": 2.7}, {"n_inputs": "a"}, {"half_width": "a"}, {"merge_gates": (0,)}, {"seed": -1},
                {"inputs": 3}, {"parameters": [1]}, {"n_samples": float("nan"), "noise": 1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            moest.analyze("softmax", "tanh", **bad)
    assert moest.analyze("softmax", "tanh", n_inputs=np.int64(1), truths=np.int64(1))["over"]["verdict"] == "regular"


def test_a_given_truth():
    truth = line_model([0.2, 0], [(4, 1, 0), (0, -1, 0.5)])
    report = moest.analyze(model=truth, merge_gates=(0, 1))
    # Theory: the smallest singular value falls with the fifth power.
    assert report["merging"]["exponent"] == pytest.approx(5, abs=0.3)
