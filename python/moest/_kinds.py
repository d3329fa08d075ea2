"""Kinds of gates and experts with the options that belong to them."""
from __future__ import annotations

import functools
import json
from typing import Any, Dict, FrozenSet, Mapping

from . import _core


@functools.lru_cache(maxsize=None)
def kinds() -> Dict[str, Dict[str, Any]]:
    """{"gate": {kind: {"options": [names], ..}}, "expert": ..} of the catalogue."""
    record: Dict[str, Dict[str, Any]] = json.loads(_core.kinds())
    return record


@functools.lru_cache(maxsize=None)
def option_names(owner: str) -> FrozenSet[str]:
    """Names of all options of gates, of experts, of fits or of selections."""
    return frozenset(option["name"] for option in json.loads(_core.options())[owner])


def gate_record(kind: str, options: Mapping[str, Any]) -> Dict[str, Any]:
    """A gate as a model file has it: with all options that are given."""
    return {"kind": kind, **{name: value for name, value in options.items() if value is not None}}


def own_record(owner: str, kind: str, options: Mapping[str, Any]) -> Dict[str, Any]:
    """A gate or expert as a model file has it: with those of the options that belong to the kind."""
    if not isinstance(kind, str):
        raise ValueError(f"{owner} = {kind!r} cannot be used (it is the name of a kind)")
    own = kinds()[owner].get(kind, {"options": []})["options"]
    return {"kind": kind, **{name: options[name] for name in own if options.get(name) is not None}}
