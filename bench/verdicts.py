#!/usr/bin/env python3
"""The table of verdicts of `moest analyze`: gates times experts, over random truths.

  bench/verdicts.py [--dims 1,2] [--extra 1,2] [--truths 12] [--gate NAME]... [--expert NAME]... [--program PATH]

For each gate and expert, each number of inputs, and one extra atom beside two true ones and two beside three: at how
many of the random truths the over-specified setting is what, the smallest certificate of the regular ones, and the
relation that the others have.
"""
import argparse
import json
import subprocess
import sys
import time

GATES = [
    ("softmax", []),
    ("dense_to_sparse, identity router", ["--gate", "dense_to_sparse"]),
    ("dense_to_sparse, tanh router", ["--gate", "dense_to_sparse", "--router", "tanh"]),
    ("cosine", ["--gate", "cosine"]),
    ("perturbed_cosine", ["--gate", "perturbed_cosine"]),
    ("perturbed_cosine, tau learned", ["--gate", "perturbed_cosine", "--temperature", "learned"]),
    ("quadratic", ["--gate", "quadratic"]),
    ("monomial", ["--gate", "monomial"]),
    ("laplace", ["--gate", "laplace"]),
    ("hierarchical", ["--gate", "hierarchical"]),
    ("sigmoid", ["--gate", "sigmoid"]),
    ("normalized_sigmoid", ["--gate", "normalized_sigmoid"]),
]
EXPERTS = [
    ("tanh", ["--expert", "tanh"]),
    ("sigmoid", ["--expert", "sigmoid"]),
    ("gelu", ["--expert", "gelu"]),
    ("silu", ["--expert", "silu"]),
    ("softplus", ["--expert", "softplus"]),
    ("sin", ["--activation", "expr: sin(t)"]),
    ("exp without bias", ["--activation", "expr: exp(t)", "--no-bias"]),
    ("linear", ["--expert", "linear"]),
    ("polynomial", ["--expert", "polynomial"]),
    ("relu", ["--expert", "relu"]),
    ("exp with bias", ["--activation", "expr: exp(t)"]),
    ("constant", ["--expert", "constant"]),
]


def analyse(program, options):
    run = subprocess.run([program, "analyze", "--json", "--quiet", *options], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{options}: {run.stderr}")
    return json.loads(run.stdout)


def cell(answer):
    over = answer["over"]
    counts = {}
    for truth in answer["truths"]:
        counts[truth["over"]] = counts.get(truth["over"], 0) + 1
    if over["verdict"] == "refused":
        return "refused", f"exact-specified only: {answer['exact']['verdict']}"
    verdicts = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    separations = [truth["separation"] for truth in answer["truths"] if truth["separation"]]
    relations = [r["text"] for r in over["relations"] if r["kind"] in ("flat", "slow")]
    why = f"certificate {min(separations):.1e}" if over["verdict"] in ("regular", "scale_gauge") and separations else ""
    return verdicts, why or (relations[0] if relations else over["reason"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dims", default="1,2")
    parser.add_argument("--extra", default="1,2")
    parser.add_argument("--truths", type=int, default=12)
    parser.add_argument("--program", default="build/release/bin/moest")
    parser.add_argument("--gate", action="append", choices=[name for name, _ in GATES], help="only this one; may be repeated")
    parser.add_argument("--expert", action="append", choices=[name for name, _ in EXPERTS], help="only this one; may be repeated")
    given = parser.parse_args()
    print("| gate | expert | inputs | true + extra | verdicts | certificate or relation | seconds per truth |")
    print("|---|---|---:|---:|---|---|---:|")
    for dim in map(int, given.dims.split(",")):
        for extra in map(int, given.extra.split(",")):
            for gate, gate_options in GATES:
                for expert, expert_options in EXPERTS:
                    if (gate == "cosine" and dim < 2) or (given.gate and gate not in given.gate):
                        continue
                    if given.expert and expert not in given.expert:
                        continue
                    true = 4 if gate == "hierarchical" else 1 + extra
                    begin = time.time()
                    answer = analyse(given.program, [*gate_options, *expert_options, "--dim", str(dim), "--true-experts",
                                                     str(true), "--experts", str(true + extra), "--truths",
                                                     str(given.truths)])
                    verdicts, why = cell(answer)
                    seconds = (time.time() - begin) / given.truths
                    print(f"| {gate} | {expert} | {dim} | {true} + {extra} | {verdicts} | {why} | {seconds:.2f} |",
                          flush=True)


if __name__ == "__main__":
    main()
