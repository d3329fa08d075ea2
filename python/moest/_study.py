"""Convergence studies: run, resumed, read."""
from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Optional, Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._report import json_text, progress_line, threads_of

Path = Union[str, "os.PathLike[str]"]


class Study:
    """How fast the error of fits falls as samples grow, and whether that is what theory says.

    Parameters
    ----------
    source : str, path or dict
        A TOML file, the name of a study that comes with the package (`Study.shipped`), a TOML text, or a dict with the
        same fields.
    store : str or path, optional
        The file that keeps the trials, an SQLite database.

    Attributes
    ----------
    name, claim : str
        What the study is called, and what it shows.
    store : str or None
    n_trials : int
        Trials of the whole study.

    Examples
    --------
    >>> import moest, os, tempfile
    >>> study = moest.Study({
    ...     "moest_study": 1, "name": "line", "claim": "a line is learned at n^-1/2", "seed": 1, "sizes": [100, 1000],
    ...     "replicates": 4, "noise": 0.1, "inputs": "uniform:-1,1",
    ...     "truth": {"dim": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"},
    ...               "atoms": [{"bias": 0, "gate": [0], "expert": [1, 0]}]},
    ...     "arms": [{"name": "exact", "experts": 1}]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = study.run(os.path.join(folder, "line.db"))
    ...     rates = study.rates()
    >>> done["n_run"], set(rates["arm"])
    (8, {'exact'})
    """

    def __init__(self, source: Union[Path, Dict[str, Any]], store: Optional[Path] = None) -> None:
        self.store = None if store is None else os.fspath(store)
        self._core = _study_of(source)

    @classmethod
    def open(cls, store: Path) -> "Study":
        """Open the study that a store holds, with its trials.

        Parameters
        ----------
        store : str or path
            The SQLite database that a run wrote.

        Returns
        -------
        Study
            The same study, which goes on in this store.
        """
        core = _core.Study.stored(os.fspath(store))
        if core is None:
            raise ValueError(f"{os.fspath(store)} holds no study yet (its first run ended before it began). Run it again.")
        study = cls.__new__(cls)
        study.store, study._core = os.fspath(store), core
        return study

    @staticmethod
    def shipped() -> List[str]:
        """List the studies that come with the package.

        Returns
        -------
        list of str
            Their names, one for each claim.
        """
        return _core.shipped_studies()

    def __reduce__(self) -> tuple[Any, ...]:
        return Study, (self.to_dict(), self.store)

    def __repr__(self) -> str:
        return f"<moest.Study {self.name}: {self.n_trials} trials>"

    @property
    def name(self) -> str:
        """What the study is called."""
        return self._core.name

    @property
    def claim(self) -> str:
        """What the study shows."""
        return self._core.claim

    @property
    def n_trials(self) -> int:
        """Number of trials of the whole study."""
        return self._core.n_trials

    def to_dict(self) -> Dict[str, Any]:
        """Return the study as a dict.

        Returns
        -------
        dict
            The fields of its TOML, with models in place of their files.
        """
        record: Dict[str, Any] = json.loads(self._core.document)
        return record

    def plan(self) -> str:
        """Say what the study can show, before it is run.

        Returns
        -------
        str
            The design, predicted errors, and warnings.
        """
        return self._core.plan()

    def run(
        self, store: Optional[Path] = None, *, extend: bool = False, n_jobs: Optional[int] = None, verbose: int = 0
    ) -> Dict[str, Any]:
        """Run the trials that the store lacks; after a kill or Ctrl-C the same call goes on from there.

        Parameters
        ----------
        store : str or path, optional
            By default that of the study.
        extend : bool
            The study has got more sizes, replicates or arms: keep the rows.
        n_jobs : int, optional
            Threads; None is one, -1 all. The rows do not depend on it.
        verbose : int
            1 writes how far the study is to standard error.

        Returns
        -------
        dict
            `n_run`, `n_failed`, `n_missing`, `seconds`. Raises KeyboardInterrupt after Ctrl-C, with all finished trials
            stored.
        """
        show = progress_line("trials") if verbose else None
        progress = None
        if show is not None:
            line = show

            def progress(done: int, planned: int, failed: int, share: float, seconds: float) -> None:
                line(done, planned, share, seconds, f", {failed} failed" if failed else "")

        path = self._store() if store is None else os.fspath(store)
        answer = self._core.run(path, extend, threads_of(n_jobs), progress)
        self.store = path
        if answer.pop("was_interrupted"):
            raise KeyboardInterrupt
        return answer

    def rates(self, *, as_frame: bool = False) -> Any:
        """Slopes of log error against log n, what theory expects, and verdicts.

        Parameters
        ----------
        as_frame : bool
            A pandas DataFrame in place of a structured array.

        Returns
        -------
        structured ndarray or DataFrame
            Fields `arm`, `atom` (-1 where the metric has none), `metric`, `slope`, `slope_se`, `mean`, `mean_se` (of
            chi_square, which has no slope), `expected` (nan where there is none), `verdict` (``agrees``, ``differs``, ``too_noisy`` or empty), `num_sizes`, `num_replicates`.
        """
        rows = json.loads(self._core.rates(self._store())["rows"])
        fields = [
            ("arm", object), ("atom", int), ("metric", object), ("slope", float), ("slope_se", float),
            ("mean", float), ("mean_se", float), ("expected", float), ("verdict", object), ("num_sizes", int),
            ("num_replicates", int),
        ]
        absent = {int: -1, float: np.nan, object: ""}
        table = np.array(
            [tuple(absent[kind] if row[name] is None else row[name] for name, kind in fields) for row in rows],
            dtype=fields,
        )
        return _framed(table, as_frame)

    def rates_report(self) -> str:
        """Return the rates as a table for people.

        Returns
        -------
        str
            What the command line prints.
        """
        text: str = self._core.rates(self._store())["report"]
        return text

    def points(self) -> List[Dict[str, Any]]:
        """Return the points behind the slopes.

        Returns
        -------
        list of dict
            For each rate `arm`, `atom`, `metric`, `slope` and the rest of ``moest study rates --json``, with `points`: size,
            value, standard error.
        """
        rows: List[Dict[str, Any]] = json.loads(self._core.rates(self._store())["rows"])
        return rows

    def trials(self, *, as_frame: bool = False) -> Any:
        """Return the trials of the store.

        Parameters
        ----------
        as_frame : bool
            A pandas DataFrame in place of a list of dicts.

        Returns
        -------
        list of dict or DataFrame
            One row for each trial: key, status, metrics, times.
        """
        rows = json.loads(self._core.trials(self._store()))
        if not as_frame:
            return rows
        import pandas as pd

        return pd.DataFrame(rows)

    def report(self, folder: Path) -> None:
        """Write a page, figures and tables. Needs gnuplot.

        Parameters
        ----------
        folder : str or path
            Where they go; a former report is written over.
        """
        self._core.report(self._store(), os.fspath(folder))

    def _store(self) -> str:
        if self.store is None:
            raise ValueError("the study has no store (its trials need a place). Give one: study.run('results.db')")
        return self.store


def _study_of(source: Union[Path, Dict[str, Any]]) -> _core.Study:
    if isinstance(source, dict):
        return _core.Study.of_json(json_text(source))
    text = os.fspath(source)
    if "\n" in text:
        return _core.Study.parse(text)
    if text in _core.shipped_studies():
        return _core.Study.shipped(text)
    return _core.Study.read(text)


def _framed(table: npt.NDArray[Any], as_frame: bool) -> Any:
    if not as_frame:
        return table
    import pandas as pd

    return pd.DataFrame.from_records(table)
