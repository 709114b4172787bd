"""Several judges as one: what is taken of them, on one level, and what each learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.aligners import create as create_aligner
from models.core.storage import load_weights, save_weights
from models.judges import UnknownJudge, create
from models.judges.base import costs, member_costs
from models.judges.ensemble import Ensemble, spread, taken
from models.losses.ranking import margin_ranking, member_ranking

RANKER = {"widths": [4] * 10, "strides": [2, 1, 2, 1, 2, 1, 2, 1, 1], "hidden": 4}
PICTURES = torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))


def ensemble(**options: Any) -> Ensemble:
    torch.manual_seed(0)
    found = create("ensemble", of="ranker", options=RANKER, **options)
    assert isinstance(found, Ensemble)
    return found.eval()


def test_what_is_taken_by_hand() -> None:
    said = torch.tensor([[1.0, 3.0], [2.0, 2.0]])
    assert taken(said, "mean", 1.0).tolist() == [2.0, 2.0]
    assert taken(said, "worst", 1.0).tolist() == [3.0, 2.0]
    # Standard deviations 1 and 0
    assert taken(said, "mean_minus_spread", 0.5).tolist() == pytest.approx([2.5, 2.0], abs=1e-5)


def test_worse_is_worse_whichever_scores_are_better() -> None:
    for take in ("worst", "mean_minus_spread"):
        judge, plain = ensemble(members=3, take=take), ensemble(members=3)
        with torch.no_grad():
            assert (costs(judge, PICTURES) > costs(plain, PICTURES)).all()
            judge.higher_is_better = plain.higher_is_better = True
            assert (judge.scores(PICTURES) < plain.scores(PICTURES)).all()
            assert torch.equal(member_costs(judge, PICTURES), -judge.member_scores(PICTURES))


@pytest.mark.parametrize("take", ["mean", "worst", "mean_minus_spread"])
def test_one_of_a_single_member_is_that_member(take: str) -> None:
    judge = ensemble(members=1, take=take)
    torch.manual_seed(0)
    alone = create("ranker", **RANKER).eval()
    with torch.no_grad():
        assert torch.equal(judge.scores(PICTURES), alone.scores(PICTURES))
        judge.level(judge.member_scores(PICTURES))
        assert torch.equal(judge.scores(PICTURES), alone.scores(PICTURES))
        assert torch.equal(alone.member_scores(PICTURES), alone.scores(PICTURES)[:, None])


def test_the_slope_is_finite_where_members_agree() -> None:
    values = torch.ones(2, 3, requires_grad=True)
    spread(values).sum().backward()
    assert values.grad is not None and bool(torch.isfinite(values.grad).all())


def test_members_are_brought_to_one_level_and_their_mean_stays() -> None:
    judge = ensemble(members=3)
    with torch.no_grad():
        before, scores = judge.member_scores(PICTURES), judge.scores(PICTURES)
        judge.level(before)
        after = judge.member_scores(PICTURES)
        assert before.mean(0).std() > 1e-3
        assert torch.allclose(after.mean(0), before.mean().expand(3), atol=1e-6)
        assert torch.allclose(judge.scores(PICTURES), scores, atol=1e-6)
        judge.level(after)  # once more changes nothing
        assert torch.allclose(judge.member_scores(PICTURES), after, atol=1e-6)


def test_the_loss_of_each_member_is_its_own() -> None:
    better, worse = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.2, 0.0]])
    every = torch.ones(2, 2, dtype=torch.bool)
    sum_of = sum(margin_ranking(better[:, k], worse[:, k]) for k in range(2))
    assert member_ranking(better, worse, every) == pytest.approx(float(sum_of))
    # Member 0: 0 and 0.3, member 1: 1.5 and 0.5, of which it learns from the second alone.
    assert member_ranking(better, worse, torch.tensor([[True, False], [True, True]])) == pytest.approx(0.15 + 0.5)
    assert member_ranking(better, worse, ~every) == 0


def test_a_share_of_the_photographs_is_the_same_every_time_and_never_nobodys() -> None:
    judge = ensemble(members=4, share=0.5)
    learnt = [judge.learns_from(f"photo{number}") for number in range(400)]
    assert learnt == [judge.learns_from(f"photo{number}") for number in range(400)]
    assert all(any(one) for one in learnt)
    assert sum(map(sum, learnt)) / 1600 == pytest.approx(0.5, abs=0.06)
    assert len({tuple(one) for one in learnt}) > 10
    assert ensemble(members=4).learns_from("photo") == [True] * 4
    assert ensemble(members=1, share=0.1).learns_from("photo") == [True]


def test_of_the_users_own_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_members.py").write_text(
        "import torch\n\nclass Taste(torch.nn.Module):\n    higher_is_better = True\n\n    def __init__(self):\n"
        "        super().__init__()\n        self.last = torch.nn.Linear(3, 1)\n\n    def forward(self, pictures):\n"
        "        return self.last(pictures.mean((2, 3))).squeeze(1)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    judge = create("ensemble", of="outside_members:Taste", options={}, members=2)
    assert judge.higher_is_better and sorted(judge.state_dict()) == [
        "judges.0.last.bias", "judges.0.last.weight", "judges.1.last.bias", "judges.1.last.weight", "levels",
    ]  # fmt: skip
    save_weights(judge, tmp_path / "w.safetensors")
    again = create("ensemble", of="outside_members:Taste", options={}, members=2)
    load_weights(again, tmp_path / "w.safetensors")
    with torch.no_grad():
        assert torch.equal(again.member_scores(PICTURES), judge.member_scores(PICTURES))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"of": "metric", "options": {"metric": "niqe"}}, "of judges that learn from pairs, and metric learns nothing"),
        ({"of": "ensemble", "options": {"of": "ranker", "options": RANKER}}, "and ensemble is one already"),
        ({"of": "ranker", "options": {"widths": [4]}}, "options {'widths': .4.}|ranker"),
        ({"of": "ranker", "options": RANKER, "take": "best"}, "take is mean, worst, mean_minus_spread, not 'best'"),
        ({"of": "ranker", "options": RANKER, "members": 0}, "members is 1 or more"),
        ({"of": "ranker", "options": RANKER, "share": 0.0}, "share above 0"),
    ],
)  # fmt: skip
def test_what_is_no_ensemble_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UnknownJudge, match=told):
        create("ensemble", **options)


@pytest.mark.parametrize("name", ["ranker_loss", "direct", "grpo"])
def test_aligners_take_it_as_any_judge(name: str) -> None:
    options = {"ranker_loss": {"lambda_ranker": 1.0, "content_layer": "relu3_1"}}.get(name, {})
    assert create_aligner(name, **options).fault(ensemble(members=2, take="worst")) is None
