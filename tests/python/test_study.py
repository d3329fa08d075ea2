"""Studies: run, resumed, read."""
import pickle
import sqlite3

import numpy as np
import pytest

import moest

STUDY = {
    "moest_study": 1, "name": "line", "claim": "a line is learned at n^-1/2", "seed": 1, "sizes": [100, 400, 1600],
    "replicates": 200, "noise": 0.1, "inputs": "uniform:-1,1",
    "truth": {"dim": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"},
              "atoms": [{"bias": 0, "gate": [0], "expert": [1, 0]}]},
    "arms": [{"name": "exact", "expected": [{"metric": "regression_l2", "slope": -0.5}]}],
}


def test_runs_and_reads_its_store(tmp_path):
    study = moest.Study(STUDY)
    assert study.n_trials == 600 and study.to_dict()["noise"] == 0.1
    done = study.run(tmp_path / "line.db", n_jobs=-1)
    assert done["n_run"] == 600 and done["n_failed"] == 0 and done["n_missing"] == 0
    assert study.run()["n_run"] == 0
    rates = study.rates()
    row = rates[rates["metric"] == "regression_l2"][0]
    assert row["verdict"] == "agrees" and row["expected"] == -0.5 and row["atom"] == -1
    assert abs(row["slope"] + 0.5) < 0.05 + 2 * row["slope_se"]
    again = moest.Study.open(tmp_path / "line.db")
    frame = again.rates(as_frame=True)
    assert list(frame.columns) == list(rates.dtype.names) and len(frame) == len(rates)
    trials = again.trials(as_frame=True)
    with sqlite3.connect(tmp_path / "line.db") as store:
        stored = store.execute("SELECT count(*), sum(rss) FROM trials").fetchone()
    assert len(trials) == stored[0] == 600 and trials["rss"].sum() == pytest.approx(stored[1])
    assert "slope" in again.rates_report() and "regression_l2" in again.rates_report()


def test_goes_on_and_is_extended(tmp_path):
    small = {**STUDY, "sizes": [100], "replicates": 3}
    moest.Study(small, tmp_path / "s.db").run()
    larger = moest.Study({**small, "replicates": 5}, tmp_path / "s.db")
    with pytest.raises(ValueError, match="replicates"):
        larger.run()
    assert larger.run(extend=True)["n_run"] == 2
    # The rows of the first three are those of an undisturbed run.
    fresh = moest.Study({**small, "replicates": 5})
    fresh.run(tmp_path / "fresh.db")
    assert [t["rss"] for t in fresh.trials()] == [t["rss"] for t in larger.trials()]


def test_pickles(tmp_path):
    study = moest.Study({**STUDY, "sizes": np.array([100]), "replicates": 2}, tmp_path / "s.db")
    study.run()
    again = pickle.loads(pickle.dumps(study))
    assert again.to_dict() == study.to_dict() and again.trials() == study.trials()


def test_knows_the_shipped_studies():
    assert "softmax_tanh" in moest.Study.shipped()
    study = moest.Study("softmax_tanh")
    assert "tanh" in study.claim and "exact" in study.plan()


def test_refuses_what_is_no_study(tmp_path):
    with pytest.raises(ValueError, match="sizes"):
        moest.Study({**STUDY, "sizes": []})
    with pytest.raises(ValueError, match="line 2"):
        moest.Study("moest_study = 1\nname = \n")
    with pytest.raises(ValueError, match="no_such.toml"):
        moest.Study("no_such.toml")
    with pytest.raises(ValueError, match="has no store"):
        moest.Study(STUDY).rates()
    with pytest.raises(ValueError, match="nothing.db"):
        moest.Study.open(tmp_path / "nothing.db")


def test_plots_its_rates(tmp_path):
    study = moest.Study({**STUDY, "replicates": 3}, tmp_path / "s.db")
    study.run()
    ax = moest.plot_rates(study)
    assert ax.get_xscale() == ax.get_yscale() == "log" and "exact: slope" in ax.get_legend().get_texts()[-1].get_text()
    assert np.isfinite(ax.get_lines()[0].get_ydata()).all()
    with pytest.raises(ValueError, match="no metric speed"):
        moest.plot_rates(study, "speed")
