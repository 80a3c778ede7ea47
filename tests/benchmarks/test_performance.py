"""`make bench`: what benchmarks say, and the page made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import Figure, heard, rounded, say
from benchmarks.performance import BEGIN, CLAIMS, END, PAGE, Run, read_runs, tables, with_tables


def test_a_figure_is_said_as_its_name_and_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    say("suggest_100_10k_s", 0.04567, "s", at_most=0.1)
    assert capsys.readouterr().out == "suggest_100_10k_s 0.0457\n"


def test_what_is_said_is_heard_with_its_goal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_FIGURES", str(tmp_path / "said"))
    say("one", 1.5, at_least=2)
    say("two", 2.5, "ms", at_most=3, note="warm")
    assert heard(tmp_path / "said") == [
        Figure("one", 1.5, at_least=2),
        Figure("two", 2.5, "ms", at_most=3, note="warm"),
    ]


def test_nothing_is_heard_of_a_benchmark_that_says_nothing(tmp_path: Path) -> None:
    assert heard(tmp_path / "said") == []


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (Figure("a", 0.85, at_least=0.85), True),
        (Figure("a", 0.84, at_least=0.85), False),
        (Figure("a", 50, at_most=50), True),
        (Figure("a", 50.1, at_most=50), False),
        (Figure("a", 7), True),
    ],
)
def test_a_goal_is_reached_at_its_edge(figure: Figure, reached: bool) -> None:
    assert figure.is_reached is reached


def test_numbers_keep_the_digits_that_mean_something() -> None:
    assert [rounded(n) for n in (0.012345, 1.2345, 12.345, 99.96, 12345.6)] == [
        "0.0123",
        "1.23",
        "12.3",
        "100",
        "12346",
    ]


def test_the_table_tells_the_goals_that_are_missed() -> None:
    run = Run([Figure("slider_p95_ms", 61, "ms", at_most=50)], "2026-11-25", 1.0, machine="here")
    made = tables({"api_latency": run})
    assert "| `slider_p95_ms` | 61 ms | at most 50 | **not reached** |  |" in made
    assert "Measured on here.\n\n### One request of a script" in made
    assert "`python -m benchmarks.api_latency`, 2026-11-25, 1 min." in made


def test_figures_of_two_machines_are_told_apart() -> None:
    runs = {
        "api_latency": Run([], "2026-11-25", 1.0, machine="a laptop"),
        "suggest": Run([], "2026-11-26", 2.0, machine="a server"),
    }
    made = tables(runs)
    assert "Measured on" not in made
    assert "`python -m benchmarks.api_latency`, 2026-11-25, 1 min on a laptop." in made
    assert "`python -m benchmarks.suggest`, 2026-11-26, 2 min on a server." in made


def test_a_benchmark_that_failed_says_so() -> None:
    run = Run([], "2026-11-25", 1.0, "It ended with exit code 3.", machine="here")
    assert "**It ended with exit code 3.**" in tables({"api_latency": run})


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n"
    assert with_tables(page, "new") == f"# Before\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter\n"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        with_tables("# Performance", "new")


def test_runs_are_read_back_as_they_were_kept(tmp_path: Path) -> None:
    import json
    from dataclasses import asdict

    run = Run([Figure("one", 1.5, at_least=2)], "2026-11-25", 2.0, machine="here")
    kept = tmp_path / "performance.json"
    kept.write_text(json.dumps({"api_latency": asdict(run), "gone": asdict(run)}))
    assert read_runs(kept) == {"api_latency": run}


def test_every_claim_is_a_module() -> None:
    root = PAGE.parent.parent / "benchmarks"
    assert [
        name
        for name in CLAIMS
        if not (root / f"{name}.py").exists() and not (root / name / "__main__.py").exists()
    ] == []


def test_the_page_shows_what_was_kept() -> None:
    runs = read_runs(PAGE.with_suffix(".json"))
    assert runs
    assert tables(runs) in PAGE.read_text()
