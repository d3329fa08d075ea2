"""MoERegressor as scikit-learn's users expect it."""
import inspect
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import moest
from moest import MoERegressor, _core


@parametrize_with_checks([MoERegressor()])
def test_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_signature_and_docstring_are_those_of_the_core():
    declared = json.loads(_core.options())
    signature = inspect.signature(MoERegressor).parameters
    docstring = re.sub(r"\s+", " ", MoERegressor.__doc__)
    own = {"gate", "expert", "n_experts", "fix", "start", "random_state", "n_jobs", "verbose"}
    absent = {"temperature", "groups"}  # None leaves it to the kind
    names = set()
    for option in (option for owner in ("gate", "expert", "fit") for option in declared[owner]):
        name = option["name"]
        if name in ("seed", "threads"):
            continue
        names.add(name)
        expected = None if name in absent else option["default"]
        assert signature[name].default == expected and type(signature[name].default) in (type(expected), int), name
        sentence = option["sentence"]
        assert f"{name} : " in docstring and sentence[0].upper() + sentence[1:] + "." in docstring, name
        assert all(choice in docstring for choice in option["choices"]), name
    assert set(signature) == names | own


def test_finds_two_lines(hinge):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=2, random_state=0).fit(X, y)
    assert regressor.converged_ and regressor.score(X, y) > 0.98
    slopes = sorted(c["estimate"] for c in regressor.coefficients_ if c["part"] == "expert" and c["name"] == "a_x1")
    errors = [c["standard_error"] for c in regressor.coefficients_ if c["part"] == "expert" and c["name"] == "a_x1"]
    assert np.abs(np.array(slopes) - [-1, 1]).max() < 4 * max(errors)
    assert abs(regressor.noise_variance_ - 0.01) < 4 * 0.01 * np.sqrt(2 / 400)
    assert "softmax gate, 2 linear experts of 1 input (x1)" in regressor.summary()
    # The sum of weight times expert is the prediction; limits are around it.
    weights, experts = regressor.predict_gate(X), regressor.predict_experts(X)
    np.testing.assert_allclose((weights * experts).sum(axis=1), regressor.predict(X), atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    lower, upper = regressor.predict_interval(X)
    narrow, wide = regressor.predict_interval(X, 0.5), regressor.predict_interval(X, 0.99)
    assert (lower < regressor.predict(X)).all() and (regressor.predict(X) < upper).all()
    assert (narrow[0] > lower).all() and (wide[0] < lower).all()


def test_same_seed_same_bits_for_any_number_of_threads(hinge):
    X, y = hinge
    fits = [MoERegressor(random_state=3, n_jobs=n).fit(X, y) for n in (None, 2, -1)]
    assert len({json.dumps(fit.model_.to_dict()["atoms"]) for fit in fits}) == 1
    assert fits[0].seed_ == np.random.RandomState(3).randint(2**31 - 1)
    assert MoERegressor(random_state=np.random.RandomState(3)).fit(X, y).seed_ == fits[0].seed_


def test_same_as_the_command_line(hinge, tmp_path):
    program = os.environ["MOEST_PROGRAM"]
    X, y = hinge
    table, model, predictions = tmp_path / "t.csv", tmp_path / "m.json", tmp_path / "p.csv"
    pd.DataFrame({"x1": X[:, 0], "y": y}).to_csv(table, index=False, float_format="%.17g")
    regressor = MoERegressor(gate="perturbed_cosine", tau1=0.3, expert="gelu", n_experts=2, random_state=1).fit(X, y)
    subprocess.run(
        [program, "fit", table, "--target", "y", "--gate", "perturbed_cosine", "--tau1", "0.3", "--expert", "gelu",
         "--experts", "2", "--seed", str(regressor.seed_), "--output", model, "--quiet"],
        check=True, capture_output=True,
    )
    theirs = moest.load(model)
    assert theirs.to_dict()["atoms"] == regressor.model_.to_dict()["atoms"]
    moest.save(regressor, tmp_path / "ours.json")
    subprocess.run([program, "predict", tmp_path / "ours.json", table, "--output", predictions, "--quiet"], check=True)
    np.testing.assert_array_equal(pd.read_csv(predictions, float_precision="round_trip")["prediction"], regressor.predict(X))


def test_frames_give_their_names(plane):
    X, y = plane
    X = pd.DataFrame(X, columns=["u", "v", "w"])
    y = pd.DataFrame(y, columns=["first", "second"])
    with pytest.warns(UserWarning, match="input `v` left out: it is 4 in every row"):
        regressor = MoERegressor(n_experts=2, random_state=0).fit(X, y)
    assert list(regressor.feature_names_in_) == ["u", "v", "w"] and regressor.n_features_in_ == 3
    assert regressor.model_.inputs == ["u", "w"] and regressor.model_.targets == ["first", "second"]
    assert regressor.predict(X).shape == (300, 2) and regressor.n_outputs_ == 2
    assert regressor.predict_experts(X).shape == (300, 2, 2)
    np.testing.assert_array_equal(regressor.model_.predict(X), regressor.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        regressor.predict(X[["w", "v", "u"]])
    assert MoERegressor(random_state=0, n_experts=1).fit(X[["u"]], y["first"]).model_.targets == ["first"]


def test_weights_count(hinge):
    X, y = hinge
    weights = np.where(X[:, 0] > 0, 1.0, 0.0)
    regressor = MoERegressor(expert="linear", n_experts=1, random_state=0)
    regressor.fit(X, y, sample_weight=weights)
    expected = LinearRegression().fit(X[X[:, 0] > 0], y[X[:, 0] > 0])
    np.testing.assert_allclose(regressor.predict(X), expected.predict(X), atol=1e-8)
    graded = 0.1 + np.abs(X[:, 0])
    regressor.fit(X, y, sample_weight=graded)
    expected = LinearRegression().fit(X, y, sample_weight=graded)
    np.testing.assert_allclose(regressor.predict(X), expected.predict(X), atol=1e-8)


def test_works_in_the_tools_of_scikit_learn(hinge):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=2, random_state=0)
    assert cross_val_score(make_pipeline(StandardScaler(), regressor), X, y, cv=3).min() > 0.95
    grid = {"n_experts": [1, 2], "gate": ["softmax", "perturbed_cosine"], "tau1": [0.5]}
    search = GridSearchCV(regressor, grid, cv=3).fit(X, y)
    assert search.best_params_["n_experts"] == 2
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    np.testing.assert_array_equal(again.predict_interval(X), search.best_estimator_.predict_interval(X))
    assert again.summary() == search.best_estimator_.summary()


def test_samples_have_the_fitted_noise(hinge):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=2, random_state=0).fit(X, y)
    many = np.repeat(X, 50, axis=0)
    noise = regressor.sample(many, random_state=1) - regressor.predict(many)
    # A normal sample's variance: false alarm 6e-5.
    assert abs(noise.var() / regressor.noise_variance_ - 1) < 4 * np.sqrt(2 / noise.size)
    np.testing.assert_array_equal(regressor.sample(X, random_state=1), regressor.sample(X, random_state=1))
    assert (regressor.sample(X, random_state=1) != regressor.sample(X, random_state=2)).all()


def test_selects_the_number_of_experts(hinge):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=4, random_state=0).fit(X, y)
    selection = regressor.select(X, y, folds=3)
    assert selection["experts_by_bic"] == 2 and "BIC" in str(selection)
    assert sorted(selection.models) == [1, 2, 3, 4]
    assert len(selection.models[2].to_dict()["atoms"]) == 2


def test_ensembles_predict_and_refuse_what_needs_one_gate(hinge):
    X, y = hinge
    regressor = MoERegressor(
        n_experts=6, ridge=0.05, ensemble=4, starts=8, clipping=True, output_weight=True, random_state=0
    ).fit(X, y)
    assert 1 < regressor.model_.n_members <= 4
    members = [moest.Model(member) for member in regressor.model_.to_dict()["members"]]
    np.testing.assert_allclose(np.mean([m.predict(X) for m in members], axis=0), regressor.predict(X), rtol=1e-12)
    assert regressor.predict([[1e6]])[0] <= y.max()
    for call in (regressor.predict_gate, regressor.predict_experts, regressor.predict_interval):
        with pytest.raises(ValueError, match="of an ensemble"):
            call(X)


def test_a_start_is_used(hinge):
    X, y = hinge
    first = MoERegressor(expert="linear", n_experts=2, random_state=0).fit(X, y)
    second = MoERegressor(expert="linear", n_experts=2, starts=0, start=first, random_state=5).fit(X, y)
    assert second.summary_["starts"][0]["kind"] == "given" and len(second.summary_["starts"]) == 1
    assert second.rss_ == pytest.approx(first.rss_, rel=1e-9)


def test_warns_of_what_cannot_be_trusted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, 2))
    with pytest.warns(ConvergenceWarning, match="not more samples than parameters"):
        assert MoERegressor(random_state=0).fit(X, X[:, 0]).noise_variance_ is None
    with pytest.warns(UserWarning, match="there is nothing to fit"):
        regressor = MoERegressor(random_state=0, n_experts=1).fit(np.vstack([X] * 4), np.full(40, 2.5))
    np.testing.assert_allclose(regressor.predict(X), 2.5)
    with pytest.warns(ConvergenceWarning, match="iteration_limit"):
        MoERegressor(random_state=0, max_iterations=1, starts=1).fit(np.vstack([X] * 4), rng.normal(size=40))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gate": "soft"}, "gate.kind"),
        ({"expert": "tan"}, "expert.kind"),
        ({"n_experts": 0}, "n_experts = 0"),
        ({"ridge": -1}, "ridge = -1"),
        ({"loss": "absolute"}, "loss = absolute"),
        ({"gate": "perturbed_cosine", "tau1": -1}, "gate.tau1"),
        ({"max_iterations": 1.5}, "max_iterations"),
        ({"starts": "many"}, "starts"),
        ({"fix": ["atoms[9].bias=0"]}, "atoms"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"n_experts": 2.7}, "n_experts = 2.7"),
        ({"n_experts": True}, "n_experts = True"),
        ({"ridge": float("nan")}, "ridge = nan"),
        ({"gate": ["softmax"]}, "gate = ['softmax']"),
        ({"starts": 0}, "starts = 0"),
        ({"gate": "cosine"}, "cosine"),
    ],
)
def test_refuses_bad_parameters_by_name(hinge, parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        MoERegressor(random_state=0, **parameters).fit(*hinge)


def test_refuses_bad_data_in_the_words_of_scikit_learn(hinge):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=2, random_state=0)
    with pytest.raises(NotFittedError):
        regressor.summary()
    with pytest.raises(ValueError, match="Input X contains NaN"):
        regressor.fit(np.where(X > 2.9, np.nan, X), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        regressor.fit(X, y[:-1])
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        regressor.fit(X, y, sample_weight=-np.ones(len(y)))
    regressor.fit(X, y)
    with pytest.raises(ValueError, match="X has 2 features, but MoERegressor is expecting 1 features as input"):
        regressor.predict(np.hstack([X, X]))
    with pytest.raises(ValueError, match="no covariance"):
        MoERegressor(n_experts=2, ridge=0.1, random_state=0).fit(X, y).predict_interval(X)


def test_an_interrupt_leaves_the_best_so_far():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20000, 6))
    y = np.sin(3 * X[:, 0]) * X[:, 1] + rng.normal(size=20000)
    regressor = MoERegressor(n_experts=12, starts=1000, output_weight=True, random_state=0)
    timer = threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        regressor.fit(X, y)
    assert time.monotonic() - begin < 20
    assert any(issubclass(w.category, ConvergenceWarning) and "interrupted" in str(w.message) for w in caught)
    assert regressor.score(X, y) > 0.05 and not regressor.converged_


def during_a_fit(handler_signal, count=1):
    """Sends signals to this process while a fit runs that would take minutes."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20000, 6))
    for i in range(count):
        threading.Timer(1 + i / 2, os.kill, (os.getpid(), handler_signal)).start()
    MoERegressor(n_experts=12, starts=1000, random_state=0).fit(X, X[:, 0] * X[:, 1])


def test_other_exceptions_of_signals_are_raised():
    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with pytest.raises(Stop):
            during_a_fit(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_daemons_fit_does_not_keep_the_interpreter():
    code = """
import numpy as np, threading, time
from moest import MoERegressor
X = np.random.default_rng(0).normal(size=(20000, 6))
fit = lambda: MoERegressor(n_experts=6, starts=400, verbose=1, random_state=0).fit(X, X[:, 0])
threading.Thread(target=fit, daemon=True).start()
time.sleep(0.5)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_names_that_are_taken_are_made_different(hinge):
    X, y = hinge
    frame = pd.DataFrame({"x": X[:, 0], "y": X[:, 0] ** 2})
    for target, expected in ((y, "y_"), (pd.Series(y, name="x"), "x_"), (pd.Series(y, name=""), "y_")):
        regressor = MoERegressor(expert="linear", n_experts=2, random_state=0).fit(frame, target)
        assert regressor.model_.targets == [expected]
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(regressor)).predict(frame), regressor.predict(frame))


def test_numbers_of_numpy_are_numbers(hinge):
    X, y = hinge
    grid = {"n_experts": np.array([2, 4]), "groups": np.array([2]), "ridge": np.array([0.1]), "n_jobs": np.array([2])}
    search = GridSearchCV(MoERegressor(gate="hierarchical", expert="linear", starts=2, random_state=0), grid, cv=2)
    assert search.fit(X, y).best_params_["n_experts"] in (2, 4)


def test_a_failed_fit_leaves_the_former_one(hinge):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=2, random_state=0).fit(X, y)
    expected = regressor.predict(X)
    with pytest.raises(ValueError, match="cannot be used"):
        regressor.fit(X, np.column_stack([y, y * 1e200]))
    np.testing.assert_array_equal(regressor.predict(X), expected)


def test_shapes_are_those_of_y(hinge):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=2, random_state=0).fit(X, y[:, None])
    for values in (regressor.predict(X), regressor.sample(X, random_state=0), *regressor.predict_interval(X)):
        assert values.shape == (len(y), 1)


def test_selections_keep_their_models(hinge):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=3, random_state=0).fit(X, y)
    selection = pickle.loads(pickle.dumps(regressor.select(X, y, folds=0)))
    assert isinstance(selection, moest.Selection) and sorted(selection.models) == [1, 2, 3]
    with pytest.raises(ValueError, match="fitted to 1 target"):
        regressor.select(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="no input varies"):
        regressor.select(np.ones_like(X), y)


def test_progress_goes_to_standard_error(hinge, capfd):
    MoERegressor(expert="linear", n_experts=2, random_state=0, verbose=1).fit(*hinge)
    assert re.search(r"\d+ of \d+ starts, .*best RSS", capfd.readouterr().err)
