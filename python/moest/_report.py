"""What the core answers: a record that prints as the text of the command line."""
from __future__ import annotations

import json
import math
import operator
import os
import sys
from typing import Any, Callable, Dict, Optional


class Report(Dict[str, Any]):
    """A record of the core, a dict with the fields of the command line's JSON.

    Parameters
    ----------
    record : str
        The record, as JSON.
    text : str
        The text.

    Attributes
    ----------
    text : str
        What the command line prints for people; so does ``print(report)``.
    latex : str
        Of an analysis the same with relations in LaTeX.
    """

    latex: str = ""

    def __init__(self, record: str, text: str) -> None:
        super().__init__(json.loads(record))
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (json.dumps(dict(self)), self.text), self.__dict__


def json_text(record: Any) -> str:
    """JSON for the core, of NumPy's numbers and arrays, too. Raises ValueError that names a number that is none."""
    import numpy as np

    def plain(value: Any) -> Any:
        if isinstance(value, (np.generic, np.ndarray)):
            return value.tolist()
        if isinstance(value, (set, frozenset, range)):
            return list(value)
        raise TypeError(f"{value!r} cannot be used (a number, a text, a list or a dict is needed)")

    try:
        return json.dumps(record, default=plain, allow_nan=False)
    except ValueError:
        for name, value in record.items() if isinstance(record, dict) else ():
            if isinstance(value, (float, np.floating)) and not math.isfinite(value):
                raise ValueError(f"{name} = {value} cannot be used (it must be a finite number)") from None
        raise ValueError("a number cannot be used (it must be finite)") from None


def whole(name: str, value: Any) -> int:
    """A whole number. Raises ValueError that names it."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} = {value!r} cannot be used (it must be a whole number)") from None


def threads_of(n_jobs: Optional[int]) -> int:
    """The core's number of threads: None is 1, -1 all processors, -2 all but one."""
    if n_jobs is None:
        return 1
    n_jobs = whole("n_jobs", n_jobs)
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 has no meaning")
    return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)


def progress_line(what: str) -> Callable[..., None]:
    """A function that writes one line to standard error, over and over: what is done, and how long the rest takes."""

    def show(done: int, planned: int, share: float, seconds: float, detail: str = "") -> None:
        left = f", about {seconds * (1 / share - 1):.0f} s left" if 0 < share < 1 else ""
        end = "\n" if share >= 1 else ""
        sys.stderr.write(f"\r{done} of {planned} {what}, {seconds:.0f} s{left}{detail}\x1b[K{end}")
        sys.stderr.flush()

    return show
