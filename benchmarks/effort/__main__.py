"""How many acts until every label is right, by strategy, against the usual loop.

    python -m benchmarks.effort FOLDER... [--seeds 3] [--most N] [--encoder NAME]

Each FOLDER holds a folder of images for each label. It is uploaded and embedded once, through the
services that the pages use, into a data folder that is thrown away; then a simulated reviewer works
through it, once for each strategy and seed. Prints acts an image, what they were, and at the end

    effort_ratio <median over the data sets of ours / usual loop>
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.effort",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each strategy (default 3)")
    parser.add_argument("--most", type=int, help="so many images of each data set at most")
    parser.add_argument("--encoder", help="default: the application's own default")
    parser.add_argument("--only", nargs="*", help="these strategies; usual_loop is always run")
    chosen = parser.parse_args()
    for folder in chosen.folders:
        if not folder.is_dir():
            sys.exit(f"There is no folder {folder}.")
    with tempfile.TemporaryDirectory(prefix="effort-") as data:
        _set_up(Path(data), chosen.encoder)
        _run(chosen)


def _set_up(data: Path, encoder: str | None) -> None:
    os.environ["LABELING_DATA"] = str(data)
    if encoder:
        os.environ["LABELING_ENCODER"] = encoder
    os.environ["DJANGO_SETTINGS_MODULE"] = "labeling.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _run(chosen: argparse.Namespace) -> None:
    from benchmarks.effort.baselines import forest, usual_loop
    from benchmarks.effort.ours import accept_at_one_percent, review_batches, review_by_label
    from benchmarks.effort.stage import make_stage

    strategies = {
        "usual_loop": usual_loop,
        "forest": forest,
        "review_batches": review_batches,
        "review_by_label": review_by_label,
        "accept_at_1_percent": accept_at_one_percent,
    }
    if chosen.only:
        wanted = {"usual_loop", *chosen.only}
        strategies = {name: run for name, run in strategies.items() if name in wanted}
    ratios = []
    for folder in chosen.folders:
        stage = make_stage(folder, most=chosen.most)
        labels = len(set(stage.truth.values()))
        print(f"{stage.name}: {len(stage.truth):,} images, {labels} labels", flush=True)
        means: dict[str, float] = {}
        for name, strategy in strategies.items():
            start = time.perf_counter()
            people = [strategy(stage, seed) for seed in range(chosen.seeds)]
            means[name] = statistics.mean(person.per_image for person in people)
            _print(name, people, means, seconds=time.perf_counter() - start)
        if "review_by_label" in means:
            ratios.append(means["review_by_label"] / means["usual_loop"])
    if ratios:
        print(f"effort_ratio {statistics.median(ratios):.3f}")


def _print(name: str, people: list, means: dict[str, float], *, seconds: float) -> None:
    kinds = sorted({kind for person in people for kind in person.acts})
    images = len(people[0].truth)
    spent = ", ".join(
        f"{kind} {statistics.mean(p.acts[kind] for p in people) / images:.3f}" for kind in kinds
    )
    each = " ".join(f"{person.per_image:.3f}" for person in people)
    ratio = means[name] / means["usual_loop"]
    wrong = " ".join(f"{100 * person.errors / images:.2f}" for person in people)
    print(
        f"  {name:19} {means[name]:.3f} acts an image ({each}), {ratio:.2f} of the usual loop; "
        f"{spent}; in the end {wrong} % wrong; {seconds / len(people):.0f} s a run",
        flush=True,
    )


if __name__ == "__main__":
    main()
