#!/usr/bin/env python3
"""Tables of what tools/bench measured: report.py FOLDER [--compare BASE.json | --catalogue | --layers].

Reads *_bench.json of FOLDER (Google Benchmark's form), writes FOLDER/result.json with the medians. With --catalogue only
the table of catalogue_bench, with --layers those of mixture_layer_bench.
"""
import argparse
import json
import pathlib
import platform
import re
import statistics
import time

KERNEL = [(1, 2), (2, 3), (8, 4), (16, 8), (32, 8)]
PEERS = ["moest_plain", "ceres_analytic", "ceres_one_block", "ceres_autodiff", "gsl_cholesky", "scipy_least_squares",
         "scipy_l_bfgs_b"]
MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}


def read(folder):
    """Medians over the repetitions: name -> {milliseconds, counters}."""
    runs = {}
    for path in sorted(folder.glob("*_bench.json")):
        for run in json.loads(path.read_text())["benchmarks"]:
            if run["run_type"] != "iteration":
                continue
            name = re.sub(r"/(real_time|iterations:\d+|repeats:\d+)", "", run["name"])
            entry = runs.setdefault(name, {"milliseconds": [], "failed": run.get("error_message", "")})
            if run.get("error_occurred"):
                entry["failed"] = run["error_message"]
                continue
            entry["family"] = run.get("family_index", 0)
            entry["milliseconds"].append(run["real_time"] * MILLISECONDS[run["time_unit"]])
            for key in ("ns", "iterations", "multiply_adds", "exponentials", "reciprocals", "fits_per_second",
                        "items_per_second", "median_iterations", "share_at_limit", "share_of_best", "extra_mib", "error",
                        "predicted_error", "share_found"):
                # "iterations" is Google Benchmark's own count unless a counter of that name replaced it.
                if key in run:
                    entry.setdefault(key, []).append(run[key])
    return {name: {key: statistics.median(value) if isinstance(value, list) and value else value
                   for key, value in entry.items()} for name, entry in runs.items()}


def table(title, header, rows):
    print(f"\n{title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def kernel_tables(runs):
    floor = {name: runs[f"floor_{name}"]["ns"] for name in ("multiply_add", "exp", "reciprocal", "tanh")}
    table("Time per number of one core, ns", list(floor), [[f"{value:.3f}" for value in floor.values()]])
    rows = []
    for d, k in KERNEL:
        row = [f"d = {d}, k = {k}"]
        for kind in ("linearise", "hessian", "cost", "bend"):
            run = runs[f"pass_{kind}/d:{d}/k:{k}"]
            least = (run["multiply_adds"] * floor["multiply_add"] + run["exponentials"] * floor["exp"]
                     + run["reciprocals"] * floor["reciprocal"])
            row.append(f"{run['ns']:.2f}")
            if kind == "linearise":
                row += [f"{least:.2f}", f"{run['ns'] / least:.2f}"]
        rows.append(row)
    table("A pass over n = 100,000, ns per sample", ["", "RSS, J'e, J'J", "floor", "ratio", "Hessian", "RSS only", "J'f''"],
          rows)


def race_tables(runs):
    sizes = [(d, k, n) for d, k in KERNEL[:3] for n in (1000, 10000, 100000) if f"moest/d:{d}/k:{k}/n:{n}" in runs]
    rows = []
    for d, k, n in sizes:
        name = f"/d:{d}/k:{k}/n:{n}"
        own = runs["moest" + name]["milliseconds"]
        row = [f"d = {d}, k = {k}, n = {n:,}", f"{own:.3g}" if own else "not reached"]
        for peer in PEERS:
            run = runs.get(peer + name)
            if run is None:
                row.append("")
            elif run["failed"] or not own:
                row.append("not reached")
            else:
                row.append(f"{run['milliseconds'] / own:.1f}")
        rows.append(row)
    table("A fit from the same start to the optimum's RSS x (1 + 1e-8): milliseconds of moest, times as long of others",
          ["", "moest, ms", *PEERS], rows)


def fit_tables(runs):
    kinds = {"plain": 0, "accelerated": 1}
    table("Small fits (n = 300, k = 3, d = 1)", ["steps", "fits per second", "mean iterations"],
          [[kind, f"{runs[f'small_fits/acceleration:{flag}']['fits_per_second']:.0f}",
            f"{runs[f'small_fits/acceleration:{flag}']['iterations']:.1f}"] for kind, flag in kinds.items()])
    rows = []
    for kind, flag in kinds.items():
        run = runs[f"overspecified/acceleration:{flag}"]
        rows.append([kind, f"{run['median_iterations']:.0f}", f"{run['share_at_limit']:.3f}",
                     f"{run['share_of_best']:.3f}", f"{run['milliseconds'] / 1e3:.1f}"])
    table("200 over-specified problems, 6 random starts each",
          ["steps", "median iterations", "at the limit of 500", "reach the best RSS", "seconds"], rows)
    scaling = {name: runs[name] for name in sorted((name for name in runs if name.startswith("pass_scaling")),
                                                   key=lambda name: [int(number) for number in re.findall(r"\d+", name)])}
    table("How a pass scales", ["", "ns per sample", "memory added, MiB"],
          [[name.removeprefix("pass_scaling/").replace("/", ", ").replace(":", " = "), f"{run['ns']:.2f}",
            f"{run['extra_mib']:.1f}"] for name, run in scaling.items()])
    table("Predictions", ["threads", "million rows per second"],
          [[str(threads), f"{runs[f'predict_rows/threads:{threads}']['items_per_second'] / 1e6:.1f}"]
           for threads in (1, 2)])


def catalogue_table(runs):
    names = sorted((name for name in runs if name.startswith("catalogue/")), key=lambda name: runs[name]["family"])
    kinds = [name.split("/")[1:] for name in names]
    gates = list(dict.fromkeys(gate for gate, _ in kinds))
    experts = list(dict.fromkeys(expert for _, expert in kinds))

    def cell(gate, expert):
        run = runs[f"catalogue/{gate}/{expert}"]
        return f"{run['error']:.2g} ({run['predicted_error']:.2g}), {run['share_found']:.0%}, {run['ns']:.1f}"

    table("Every gate with every expert", ["", *experts],
          [[gate, *(cell(gate, expert) for expert in experts)] for gate in gates])


def layer_tables(runs):
    speed = {name.removeprefix("layer/"): run["items_per_second"] for name, run in runs.items()}
    dense = speed["dense"]
    sizes = [name.removeprefix("mixture/") for name in speed if name.startswith("mixture/")]
    table(f"A training step of a mixture layer, forward and backward; a dense layer of as many hidden neurons in use: "
          f"{dense:,.0f} tokens per second",
          ["", "tokens per second", "of the dense layer's", "of the loop over experts'"],
          [[size, f"{speed['mixture/' + size]:,.0f}", f"{speed['mixture/' + size] / dense:.2f}",
            f"{speed['mixture/' + size] / speed['loop/' + size]:.2f}"] for size in sizes])
    table("The same by router, top 2 of 8", ["", "of the dense layer's"],
          [[name.removeprefix("router/"), f"{value / dense:.2f}"] for name, value in speed.items()
           if name.startswith("router/")])


def compare(runs, base):
    rows = []
    for name, run in runs.items():
        before = base["runs"].get(name, {}).get("milliseconds")
        if before and run["milliseconds"]:
            rows.append([name, f"{run['milliseconds'] / before:.2f}"])
    table(f"Time relative to {base['date']}", ["", "ratio"], rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--compare", type=pathlib.Path)
    parser.add_argument("--catalogue", action="store_true")
    parser.add_argument("--layers", action="store_true")
    arguments = parser.parse_args()
    runs = read(arguments.folder)
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.machine())
    date = time.strftime("%Y-%m-%d")
    print(f"{model}, {date}; medians")
    if arguments.catalogue:
        catalogue_table(runs)
        return
    if arguments.layers:
        layer_tables(runs)
        return
    kernel_tables(runs)
    race_tables(runs)
    fit_tables(runs)
    if arguments.compare:
        compare(runs, json.loads(arguments.compare.read_text()))
    result = arguments.folder / "result.json"
    temporary = result.with_suffix(".json.new")
    temporary.write_text(json.dumps({"date": date, "processor": model, "runs": runs}, indent=1))
    temporary.rename(result)


main()
