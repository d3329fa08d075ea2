#!/usr/bin/env python3
"""What Python costs: fits and predictions of the package against the same in C++, turn by turn in one run.

    PYTHONPATH=build/release/python bench/python_bench.py build/release/bin/python_peer
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from moest import MoERegressor

ROUNDS = 15


def seconds_of(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def main(peer: str) -> None:
    rng = np.random.default_rng(1)
    X = rng.uniform(-2, 2, (100_000, 4))
    y = np.where(X @ [1, -1, 0.5, 0] > 0, np.tanh(X[:, 0] + X[:, 1]), 0.5 * np.tanh(2 * X[:, 2])) + 0.1 * rng.normal(size=len(X))
    many = np.tile(X, (10, 1))
    regressor = MoERegressor(expert="tanh", n_experts=3, starts=8, random_state=0).fit(X, y)
    ours = {"fit": [], "predict": []}
    theirs = {"fit": [], "predict": []}
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "data.npy"
        np.save(table, np.column_stack([X, y]))
        for _ in range(ROUNDS):
            command = [peer, table, str(regressor.seed_)]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            for name in ours:
                theirs[name].append(answer[name])
            ours["fit"].append(seconds_of(lambda: regressor.fit(X, y))[0])
            ours["predict"].append(seconds_of(lambda: regressor.predict(many))[0])
            assert abs(regressor.rss_ / answer["rss"] - 1) < 1e-9, "not the same fit"
    imports = [
        seconds_of(lambda: subprocess.run([sys.executable, "-c", "import moest"], check=True))[0]
        - seconds_of(lambda: subprocess.run([sys.executable, "-c", "import numpy"], check=True))[0]
        for _ in range(ROUNDS)
    ]
    print("| work | C++ | Python | Python / C++ |\n|---|---:|---:|---:|")
    for name, what in (("fit", "fit, n = 100,000, d = 4, 3 tanh experts, 8 starts"), ("predict", "predict, 1,000,000 rows")):
        ratio = statistics.median(a / b for a, b in zip(ours[name], theirs[name]))
        print(f"| {what} | {statistics.median(theirs[name]):.3f} s | {statistics.median(ours[name]):.3f} s | {ratio:.3f} |")
    print(f"\n`import moest` takes {statistics.median(imports):.3f} s more than `import numpy`.")


if __name__ == "__main__":
    main(sys.argv[1])
