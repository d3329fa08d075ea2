#!/usr/bin/env python3
"""Test errors of `moest compare` and of peers on the same splits of a table.

  bench/accuracy.py DATA.csv TARGET SPLITS [--number N] [--store FILE] [-- OPTIONS OF COMPARE]

SPLITS is a folder of files test_0.txt, test_1.txt, ..: the data rows of test set I, counted from 0, one per line; all
other rows are for learning. Peers, with scikit-learn: least squares, the mean of the 5 nearest neighbours
(standardised inputs), a random forest of 500 trees, histogram gradient boosting (400 rounds, rate 0.05). Results go
to the store as they come, and the same command goes on where it stopped.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time

import numpy as np


def peers(train, train_y, test, test_y):
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = {
        "OLS": LinearRegression(),
        "5-NN": make_pipeline(StandardScaler(), KNeighborsRegressor(5)),
        "random forest": RandomForestRegressor(500, random_state=0, n_jobs=-1),
        "gradient boosting": HistGradientBoostingRegressor(max_iter=400, learning_rate=0.05, random_state=0),
    }
    errors = {}
    for name, model in models.items():
        begin = time.time()
        predicted = model.fit(train, train_y).predict(test)
        errors[name] = {
            "rmse": float(np.sqrt(np.mean((predicted - test_y) ** 2))),
            "seconds": time.time() - begin,
        }
    return errors


def one_split(data, target, rows, options, program):
    table = np.genfromtxt(data, delimiter=",", names=True, deletechars="", replace_space=" ")
    names = list(table.dtype.names)
    numbers = np.array([table[name] for name in names]).T
    y = numbers[:, names.index(target)]
    x = np.delete(numbers, names.index(target), axis=1)
    is_test = np.zeros(len(y), bool)
    is_test[np.loadtxt(rows, dtype=int)] = True
    result = peers(x[~is_test], y[~is_test], x[is_test], y[is_test])
    begin = time.time()
    command = [program, "compare", data, "--target", target, "--test-rows", rows, "--json", "--quiet", *options]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(run.stderr)
    best = json.loads(run.stdout)["best"]
    result["moest"] = {"rmse": best["test_rmse"], "seconds": time.time() - begin}
    result["chosen"] = {key: best[key] for key in ("gate", "expert", "experts", "ridge", "ensemble", "cv_rmse")}
    return result


def main():
    arguments = sys.argv[1:]
    options = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("target")
    parser.add_argument("splits")
    parser.add_argument("--number", type=int, default=0, help="of splits (default: all)")
    parser.add_argument("--store", help="file that keeps the results")
    parser.add_argument("--program", default="build/release/bin/moest")
    given = parser.parse_args(arguments)
    files = sorted(pathlib.Path(given.splits).glob("test_*.txt"), key=lambda f: int(f.stem.split("_")[1]))
    files = files[: given.number or None]
    store = pathlib.Path(given.store) if given.store else None
    done = {}
    if store and store.exists():
        done = {line["split"]: line for line in map(json.loads, store.read_text().splitlines())}
    for file in files:
        if file.stem not in done:
            done[file.stem] = {"split": file.stem, **one_split(given.data, given.target, str(file), options, given.program)}
            if store:
                with store.open("a") as out:
                    out.write(json.dumps(done[file.stem]) + "\n")
        print(file.stem, {k: round(v["rmse"], 4) for k, v in done[file.stem].items() if isinstance(v, dict) and "rmse" in v},
              done[file.stem]["chosen"], f'{done[file.stem]["moest"]["seconds"]:.0f} s', flush=True)
    lines = [done[file.stem] for file in files]
    print("\n| method | test RMSE | standard error | seconds per split |\n|---|---:|---:|---:|")
    for name in ("OLS", "5-NN", "random forest", "gradient boosting", "moest"):
        errors = np.array([line[name]["rmse"] for line in lines])
        spread = errors.std(ddof=1) / np.sqrt(len(errors)) if len(errors) > 1 else float("nan")
        seconds = np.mean([line[name]["seconds"] for line in lines])
        print(f"| {name} | {errors.mean():.3f} | {spread:.3f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
