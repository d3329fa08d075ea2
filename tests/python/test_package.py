"""The package as a whole: docstrings, types, pictures, the time to import it."""
import doctest
import importlib
import os
import pathlib
import pkgutil
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpydoc.validate import validate

import moest
from moest import MoERegressor

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(module.name for module in pkgutil.iter_modules(moest.__path__)))
def test_examples_in_docstrings(name):
    if name == "_core":
        return
    result = doctest.testmod(importlib.import_module(f"moest.{name}"))
    assert result.failed == 0
    if name in ("_model", "_regressor", "_study", "_theory"):
        assert result.attempted > 3


def public_names():
    names = [name for name in moest.__all__ if name not in ("Array", "__version__")]
    for owner in ("Model", "MoERegressor", "Study"):
        names += [f"{owner}.{name}" for name in vars(getattr(moest, owner)) if not name.startswith("_")]
    return [name for name in names if not name.endswith("_")]


@pytest.mark.parametrize("name", public_names())
def test_docstrings_are_numpydoc(name):
    # No docstring; parameters that are missing, unknown or in another order; no type; no Returns.
    wanted = {"GL08", "PR01", "PR02", "PR03", "PR04", "RT01"}
    errors = [message for code, message in validate(f"moest.{name}")["errors"] if code in wanted]
    assert not errors


def test_types_hold():
    run = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_import_brings_in_neither_scikit_learn_nor_matplotlib():
    code = "import sys, moest; assert not {'sklearn', 'matplotlib', 'pandas', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_version():
    assert moest.__version__ == (ROOT / "VERSION").read_text().strip()


def test_pictures(hinge, plane):
    X, y = hinge
    regressor = MoERegressor(expert="linear", n_experts=2, random_state=0).fit(X, y)
    figure, (above, below) = plt.subplots(2)
    assert moest.plot_fit(regressor, X, y, confidence=0.95, ax=above) is above
    assert moest.plot_gate(regressor, X, ax=below) is below
    curve = above.get_lines()[-1]
    np.testing.assert_allclose(curve.get_ydata(), regressor.predict(curve.get_xdata()[:, None]))
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["data", "expert 1", "expert 2", "95% band", "fit"]
    assert below.get_xlabel() == "x1" and len(below.get_lines()) == 2
    # A constant input of the data is none of the model's.
    X, y = plane
    with pytest.warns(UserWarning):
        regressor.fit(X, y[:, 0])
    ax = moest.plot_fit(regressor, X, y[:, 0], feature=2, ax=plt.figure().gca())
    assert ax.get_xlabel() == "x3" and ax.get_lines()[-1].get_xdata().max() == X[:, 2].max()
    plt.close("all")


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "examples" / "python").glob("*.py")))
def test_gallery(script, tmp_path):
    subprocess.run([sys.executable, ROOT / "examples" / "python" / script, "--output", tmp_path, "--quick"], check=True)
    picture = tmp_path / script.replace(".py", ".svg")
    assert picture.stat().st_size > 5000


def test_pip_installs_it(tmp_path):
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", environment], check=True)
    python = environment / "bin" / "python"
    run = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index", ROOT],
        capture_output=True, text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    code = "import moest; print(moest.__file__); moest.Study.shipped(); from moest import MoERegressor, _onnx"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    shown = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, env=clean, cwd=tmp_path)
    assert str(environment) in shown.stdout
    listed = subprocess.run([python, "-m", "pip", "show", "moest"], capture_output=True, text=True, env=clean, cwd=tmp_path)
    assert f"Version: {moest.__version__}" in listed.stdout
