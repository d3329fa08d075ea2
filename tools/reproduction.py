#!/usr/bin/env python3
"""Writes docs/reproduction.md from the stores of the studies: called by tools/reproduce."""

import argparse
import json
import pathlib
import sqlite3
import subprocess

INTRODUCTION = """\
# What the studies show

Each claim about rates of convergence is a folder in [studies](../studies): `study.toml` states the claim, the design
and the rates that theory expects, `expected.md` explains them. This page is made from the rows that this command keeps:

    tools/reproduce

It goes on where it stopped; `tools/reproduce --quick` runs a few small trials of each study in about a minute, which
shows that they work and says nothing about rates. A single study is run, and looked at, by

    moest study run studies/softmax_tanh/study.toml --store softmax_tanh.db
    moest study rates softmax_tanh.db

The papers: HN25 is arXiv 2405.14131, NHR24 is arXiv 2402.02952, NHR25 is arXiv 2503.03213.

*Expected* and *measured* are slopes of the logarithm of a metric against log n; for `chi_square`, which is
(sum of squared noise - residual sum of squares) / noise variance, they are means over the larger half of the sizes.
Standard errors are in parentheses. A slope *agrees* if it is within the tolerance of the study (0.05 where nothing
else is said) and two standard errors, a mean if it is within three; a slope with a standard error above 0.05 is
*too noisy*. Expected values come from theory alone. *Time* is that of all
trials of the arm on one core, and longer where other programs share the machine.

## How the designs were chosen

The expected values were fixed before the measurements; the designs were not. They were revised after pilot runs of 4
to 40 replicates, some of which had other verdicts, so an agreement below says that the rate is seen with a design
made to show it, and not that any design would show it:

- *noise*: with more of it (1e-3, 2e-4 with sigmoid experts) over-specified slopes were steeper, down to -0.8 in place
  of -1/2, and four studies were taken to lower noise once more: at 2e-4 the split arm of cosine with a learned
  temperature differed (-0.69), at 5e-5 it agrees (-0.59); gates_over, perturbed_cosine and
  perturbed_cosine_one_offset had slopes that were too noisy. The quadratic gate differed both times.
- *statistic*: the median where theory has a rate, since one search that misses the optimum governs a mean: the split
  arm of softmax_sigmoid has a slope of -0.60 by medians and of -1.5 (0.4) by means. The mean where theory says flat.
  This decides softmax_quadratic: its Voronoi loss has a slope of -0.47 (0.03) by medians, which would differ from 0,
  and `split_rms` -0.22 (0.02). By medians softmax_linear has 0.24 (0.09) and 0.12 (0.04), and hierarchical_linear
  0.39 (0.19) and 0.21 (0.11).
- *starts*: more of them where searches missed the global optimum (softmax_merging with tanh experts, gates_exact,
  dense_to_sparse_tanh_router, hierarchical_linear, twice_the_experts).
- *truths*: that of hierarchical_sigmoid is the last of four that were tried; with the first two blind searches often
  missed the optimum. softmax_merging begins at a difference of 1 in place of 2.5, which moves the predicted slopes of
  linear experts further apart.
- *replicates*: added to input_independent, cosine and perturbed_cosine_one_offset after their slopes had been just
  above the limit of too noisy, which makes their standard errors somewhat optimistic.
"""


def study_of(store):
    """Specification, and seconds of each arm."""
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    text = connection.execute("select value from study where name = 'specification'").fetchone()[0]
    seconds = dict(
        connection.execute(
            "select arm, sum(simulate_seconds + fit_seconds + measure_seconds) from trials group by arm"
        )
    )
    connection.close()
    return json.loads(text), seconds


def rates_of(program, store):
    result = subprocess.run(
        [program, "study", "rates", store, "--json"], check=True, capture_output=True, text=True
    )
    return [row for row in json.loads(result.stdout)["rows"] if row["verdict"]]


def number(value):
    return f"{value:.0f}" if value == round(value) else f"{value:.6g}"


def measured(row):
    if row["metric"] == "chi_square":
        value, error, digits = row["mean"], row["mean_se"], 2
    else:
        value, error, digits = row["slope"], row["slope_se"], 3
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:.2g}" + ("" if error is None else f" ({error:.1g})")
    return f"{value:.{digits}f}" + ("" if error is None else f" ({error:.{digits}f})")


def metric(row):
    return row["metric"] if row["atom"] is None else f"{row['metric']}, expert {row['atom'] + 1}"


def duration(seconds):
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def section(path, heading):
    """Text below a heading of the second level, up to the next one; none without the file or the heading."""
    if not path.exists():
        return ""
    lines = path.read_text().splitlines()
    found = [i for i, line in enumerate(lines) if line == f"## {heading}"]
    if not found:
        return ""
    rest = lines[found[0] + 1 :]
    end = next((i for i, line in enumerate(rest) if line.startswith("## ")), len(rest))
    return "\n".join(rest[:end]).strip()


def table(claims):
    lines = [
        "| claim | arm | metric | expected | measured | verdict | time |",
        "|---|---|---|---:|---:|---|---:|",
    ]
    for claim in claims:
        last_arm = None
        for row in claim["rows"]:
            first = row["arm"] != last_arm
            name = f"[{claim['name']}](#{claim['name']})" if last_arm is None else ""
            time = duration(claim["seconds"].get(row["arm"], 0)) if first else ""
            last_arm = row["arm"]
            verdict = row["verdict"].replace("_", " ")
            verdict = verdict if row["verdict"] == "agrees" else f"**{verdict}**"
            lines.append(
                f"| {name} | {row['arm'] if first else ''} | {metric(row)} | {number(row['expected'])} "
                f"| {measured(row)} | {verdict} | {time} |"
            )
    return "\n".join(lines)


def paragraphs(claim, studies):
    document = claim["document"]
    sizes = sorted({point["size"] for row in claim["rows"] for point in row["points"]})
    replicates = max((row["num_replicates"] for row in claim["rows"]), default=0)
    text = [
        f"### {claim['name']}",
        " ".join(document["claim"].split()) + f" ({document['source']})",
        f"{len(sizes)} sizes from {sizes[0]} to {sizes[-1]}, {replicates} replicates of each, noise of standard "
        f"deviation {document['noise']:g}, {document.get('statistic', 'mean')} over replicates. "
        f"[The design](../studies/{claim['name']}/expected.md).",
    ]
    explained = studies / claim["name"] / "expected.md"
    text.append(section(explained, "Read against the papers"))
    if any(row["verdict"] != "agrees" for row in claim["rows"]):
        text.append(section(explained, "Where it disagrees"))
    return "\n\n".join(part for part in text if part)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("stores", type=pathlib.Path)
    parser.add_argument("studies", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="say that the trials are few and small")
    arguments = parser.parse_args()

    claims = []
    for folder in sorted(path.parent for path in arguments.studies.glob("*/study.toml")):
        store = arguments.stores / f"{folder.name}.db"
        if store.exists():
            document, seconds = study_of(store)
            rows = rates_of(arguments.program, store)
            claims.append({"name": folder.name, "document": document, "seconds": seconds, "rows": rows})
    verdicts = [row["verdict"] for claim in claims for row in claim["rows"]]
    total = sum(sum(claim["seconds"].values()) for claim in claims)
    summary = (
        f"{len(claims)} studies with {len(verdicts)} expectations: {verdicts.count('agrees')} agree, "
        f"{verdicts.count('differs')} differ, {verdicts.count('too_noisy')} are too noisy to say. "
        f"All trials took {duration(total)} on one core."
    )
    warning = "**These are few and small trials: their verdicts mean nothing.**\n\n" if arguments.quick else ""
    arguments.output.write_text(
        f"{INTRODUCTION}\n{warning}{summary}\n\n## Table\n\n{table(claims)}\n\n## Study by study\n\n"
        + "\n\n".join(paragraphs(claim, arguments.studies) for claim in claims)
        + "\n"
    )
    print(summary)


if __name__ == "__main__":
    main()
