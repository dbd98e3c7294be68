"""Money: never less than what was spent, and never more than the bound."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.errors import LiveccError
from livecc.stages.make_prompts.spending import OverBudgetError, Price, Spending


def test_price_is_per_million_tokens() -> None:
    assert Price(2.0, 8.0).cost(500_000, 250_000) == pytest.approx(3.0)
    assert Price(None, None).cost(10, 10) == 0.0


def test_reserved_until_settled(tmp_path: Path) -> None:
    with Spending(tmp_path / "s", "sft.a", 1.0) as money:
        number = money.reserve(0.5)
        assert money.spent() == pytest.approx(0.5)
        money.settle(number, 0.1, 100, 10)
        assert money.spent() == pytest.approx(0.1)
        assert money.of_shard() == {
            "requests": 1,
            "input_tokens": 100,
            "output_tokens": 10,
            "cost": 0.1,
        }


def test_nothing_is_written_before_something_is_asked(tmp_path: Path) -> None:
    with Spending(tmp_path / "s", "sft.a", 1.0) as money:
        assert money.of_shard()["requests"] == 0
    assert not (tmp_path / "s").exists()


def test_no_bound(tmp_path: Path) -> None:
    with Spending(tmp_path, "sft.a", None) as money:
        money.reserve(1e9)
        assert money.spent() == 1e9


def test_bound_itself_may_be_reached(tmp_path: Path) -> None:
    with Spending(tmp_path, "sft.a", 1.0) as money:
        money.reserve(1.0)
        with pytest.raises(OverBudgetError):
            money.reserve(0.001)


def test_what_a_killed_job_reserved_counts(tmp_path: Path) -> None:
    killed = Spending(tmp_path, "sft.a", 1.0)
    killed.settle(killed.reserve(0.4), 0.2, 1, 1)
    killed.reserve(0.3)
    # Its last line is torn.
    file = next(tmp_path.glob("sft.a.*.jsonl"))
    with file.open("ab") as stream:
        stream.write(b'{"request": 3, "reser')
    with Spending(tmp_path, "sft.a", 1.0) as money:
        assert money.spent() == pytest.approx(0.5)
        assert money.of_shard()["requests"] == 2
        with pytest.raises(OverBudgetError):
            money.reserve(0.6)
        money.reserve(0.5)


def test_shard_with_a_longer_name_is_another(tmp_path: Path) -> None:
    with Spending(tmp_path, "sft.a", None) as one, Spending(tmp_path, "sft.a.b", None) as two:
        one.settle(one.reserve(1.0), 1.0, 5, 5)
        two.settle(two.reserve(2.0), 2.0, 7, 7)
        assert one.of_shard()["cost"] == 1.0
        assert two.of_shard()["cost"] == 2.0
        assert one.spent() == two.spent() == pytest.approx(3.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.floats(0.01, 0.5), st.floats(0, 1), st.booleans()),
        max_size=40,
    )
)
def test_jobs_side_by_side_stay_within_the_bound(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float, float, bool]]
) -> None:
    """Each step: a job reserves, and either settles for a share of it or is killed and replaced."""
    folder = tmp_path_factory.mktemp("money")
    jobs = [Spending(folder, f"sft.{n}", 2.0) for n in range(3)]
    truth = 0.0
    for job, most, share, killed in steps:
        try:
            number = jobs[job].reserve(most)
        except OverBudgetError:
            assert truth + most > 2.0 or jobs[job].spent() + most > 2.0
            continue
        truth += most * share
        if killed:
            jobs[job] = Spending(folder, f"sft.{job}", 2.0)
        else:
            jobs[job].settle(number, most * share, 1, 1)
        assert truth <= 2.0 + 1e-9
        assert all(money.spent() >= truth - 1e-9 for money in jobs)
    spent = {round(money.spent(), 9) for money in jobs}
    assert len(spent) == 1


def test_file_changed_by_hand(tmp_path: Path) -> None:
    (tmp_path / "sft.b.1234.jsonl").write_text("twenty dollars\n")
    with (
        Spending(tmp_path, "sft.a", 1.0) as money,
        pytest.raises(LiveccError, match=r"sft\.b\.1234\.jsonl"),
    ):
        money.reserve(0.1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk(tmp_path: Path) -> None:
    with Spending(tmp_path, "sft.a", 1.0) as money:
        (tmp_path / money._name).symlink_to("/dev/full")
        money._stream = (tmp_path / money._name).open("r+b", buffering=0)
        for _ in range(2):
            with pytest.raises(LiveccError, match=r"spending cannot be written .*kept"):
                money.reserve(0.1)
