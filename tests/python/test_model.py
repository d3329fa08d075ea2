"""Models from files and dicts, and what is drawn from them."""
import os
import pathlib
import pickle
import re
import subprocess

import numpy as np
import pytest

import moest

RECORD = {
    "moest_model": 1,
    "gate": {"kind": "perturbed_cosine", "tau1": 0.1, "tau2": 0.2},
    "expert": {"kind": "tanh", "output_weight": True},
    "inputs": ["u", "v"],
    "target": "y",
    "atoms": [
        {"bias": 0.3, "gate": [1.0, -0.5], "expert": [0.8, 0.2, -0.1, 2.0]},
        {"bias": 0.0, "gate": [0.0, 0.7], "expert": [-1.0, 0.4, 0.5, 1.5]},
    ],
    "noise_variance": 0.04,
}


def by_hand(X):
    """f and the weights, from the formulas."""
    scores, experts = [], []
    for atom in RECORD["atoms"]:
        omega, (a1, a2, b, c) = np.array(atom["gate"]), atom["expert"]
        norm = np.linalg.norm(X, axis=1) + 0.2
        scores.append(X @ omega / ((np.linalg.norm(omega) + 0.1) * norm) + atom["bias"])
        experts.append(c * np.tanh(a1 * X[:, 0] + a2 * X[:, 1] + b))
    weights = np.exp(scores) / np.exp(scores).sum(axis=0)
    return (weights * experts).sum(axis=0), weights.T


def test_predicts_what_the_formulas_say():
    X = np.random.default_rng(1).normal(size=(500, 2))
    model = moest.Model(RECORD)
    mean, weights = by_hand(X)
    np.testing.assert_allclose(model.predict(X), mean, rtol=1e-12)
    np.testing.assert_allclose(model.predict_gate(X), weights, rtol=1e-12)


def test_reads_arrays_of_any_layout():
    X = np.random.default_rng(2).normal(size=(40000, 2))
    model = moest.Model(RECORD)
    expected = model.predict(X)
    wide = np.zeros((80000, 6))
    wide[::2, 1::3] = X
    read_only = X.copy()
    read_only.setflags(write=False)
    for same in (np.asfortranarray(X), wide[::2, 1::3], X[::-1][::-1], read_only, X.tolist()):
        np.testing.assert_array_equal(model.predict(same, n_jobs=2), expected)
    np.testing.assert_array_equal(model.predict(X[::-1]), expected[::-1])
    np.testing.assert_array_equal(model.predict(X.astype(np.float32)), model.predict(X.astype(np.float32).astype(float)))


def peak_memory():
    """Of this process since the peak was last forgotten, in bytes."""
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def test_does_not_copy_its_input():
    model = moest.Model(RECORD)
    X = np.ones((8_000_000, 2))
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = peak_memory()
    model.predict(X)
    assert 0.4 < (peak_memory() - before) / X.nbytes < 0.75, "the predictions are half of X"


def test_files_and_pickles_keep_every_bit(tmp_path):
    model = moest.Model(RECORD)
    moest.save(model, tmp_path / "model.json")
    assert moest.load(tmp_path / "model.json") == model
    assert pickle.loads(pickle.dumps(model)) == model
    assert moest.Model(model.to_dict()) == model
    assert "perturbed_cosine" in model.describe() and "2 tanh experts" in repr(model)


def test_onnx(tmp_path):
    model = moest.Model(RECORD)
    content = model.to_onnx(tmp_path / "model.onnx", precision="double")
    assert (tmp_path / "model.onnx").read_bytes() == content
    # Its inputs, outputs and operators by name: tests/export and tools/check_onnx evaluate it.
    assert all(name in content for name in (b"x", b"y", b"weights", b"Tanh", b'["u","v"]'))
    assert len(model.to_onnx()) < len(content)
    with pytest.raises(ValueError, match="half"):
        model.to_onnx(precision="half")
    with pytest.raises(RuntimeError, match="no_folder"):
        model.to_onnx(tmp_path / "no_folder" / "model.onnx")


def test_simulates_as_the_command_line_does(tmp_path):
    model = moest.Model(RECORD)
    model.save(tmp_path / "model.json")
    X, y = moest.simulate(model, 50, noise=0.3, seed=7, inputs="normal:0,2")
    subprocess.run(
        [os.environ["MOEST_PROGRAM"], "simulate", tmp_path / "model.json", "--n", "50", "--noise", "0.3", "--seed", "7",
         "--inputs", "normal:0,2", "--output", tmp_path / "data.csv", "--quiet"],
        check=True,
    )
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "data.csv", delimiter=",", skiprows=1), np.column_stack([X, y]))
    # Without noise it is the function; by default the model's own noise, standard deviation 0.2.
    X, y = moest.simulate(model, 100, noise=0, seed=1)
    np.testing.assert_array_equal(y, model.predict(X))
    X, y = moest.simulate(model, 100_000, seed=1)
    assert abs((y - model.predict(X)).std() / 0.2 - 1) < 4 / np.sqrt(2 * 100_000)


def test_frames_are_read_by_name():
    import pandas as pd

    model = moest.Model({**RECORD, "inputs": ["u", "color=green"], "categories": {"color": ["blue", "green", "red"]}})
    frame = pd.DataFrame({"color": ["green", "red", "blue"], "other": [7, 8, 9], "u": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(model.predict(frame), model.predict([[1, 1], [2, 0], [3, 0]]))
    with pytest.raises(ValueError, match="color = pink is no level"):
        model.predict(frame.assign(color="pink"))
    with pytest.raises(ValueError, match="no column u"):
        model.predict(frame.drop(columns="u"))
    with pytest.raises(ValueError, match="NaN"):
        model.predict([[np.nan, 1]])


def test_refuses_what_is_no_model(tmp_path):
    with pytest.raises(ValueError, match="0 experts"):
        moest.Model({**RECORD, "atoms": []})
    with pytest.raises(ValueError, match="does_not_exist.json"):
        moest.load(tmp_path / "does_not_exist.json")
    with pytest.raises(RuntimeError, match="no_folder"):
        moest.Model(RECORD).save(tmp_path / "no_folder" / "model.json")
    with pytest.raises(TypeError, match="not str"):
        moest.save("model", tmp_path / "model.json")
    model = moest.Model(RECORD)
    with pytest.raises(ValueError, match="3 columns .* 2 inputs"):
        model.predict(np.ones((4, 3)))
    with pytest.raises(ValueError, match="Expected 2D array"):
        model.predict(np.ones(4))
    with pytest.raises(ValueError, match="no distribution of inputs"):
        moest.simulate(model, 10, inputs="uniform")
    with pytest.raises(ValueError, match="no covariance"):
        model.predict_interval(np.ones((4, 2)))
