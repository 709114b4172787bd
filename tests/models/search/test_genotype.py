from __future__ import annotations

import json

import pytest

from models.fusers import create
from models.fusers.layout import parameter_count
from models.fusers.searched import PUBLISHED_PARAMETERS, SearchedFuser, describe_size
from models.search.genotype import Genotype, GenotypeError, balanced, random_like
from models.search.space import NODES


def text(**changes: object) -> str:
    """The balanced genotype as JSON with some nodes replaced; None removes one."""
    content = json.loads(balanced().to_json())
    for name, node in changes.items():
        content["nodes"][name] = node
        if node is None:
            del content["nodes"][name]
    return json.dumps(content)


def test_there_and_back() -> None:
    genotype = random_like(balanced(), seed=4)
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert genotype.node("compose") == dict(genotype.nodes[14])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{", "is JSON"),
        ("[]", '"format": "loupe-genotype-1"'),
        (text(compose=None), "15 nodes: missing compose"),
        (text(other=[]), "unknown other"),
        (text(merge_1=[]), "'merge_1' has no operation"),
        (text(merge_1=[["conv_9x9", 1.0]]), "'merge_1': no operation is called 'conv_9x9'; known are conv_1x1"),
        (text(merge_1=[["conv_1x1", 0.5]]), "'merge_1': the weights sum to 0.5"),
        (text(merge_1=[["conv_1x1", -1.0], ["conv_3x3", 2.0]]), "conv_1x1 should be positive"),
        (text(merge_1=[["conv_1x1", 0.5], ["conv_1x1", 0.5]]), "names an operation twice"),
        (text(merge_1={"conv_1x1": 1}), "'merge_1' should be a list"),
        (text(merge_1=["conv_1x1"]), r"should be \[operation, weight\]"),
        (text(merge_1=[["conv_1x1", True]]), r"should be \[operation, weight\]"),
        (text(merge_1=[["conv_1x1", float("nan")]]), "NaN is no number of JSON"),
    ],
)
def test_what_is_wrong_is_named(wrong: str, message: str) -> None:
    with pytest.raises(GenotypeError, match=message):
        Genotype.from_json(wrong)


def test_another_number_of_nodes_is_refused() -> None:
    with pytest.raises(GenotypeError, match=r"15 nodes .* this one 14"):
        Genotype(balanced().nodes[:14])


@pytest.mark.parametrize("retain", [1, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_a_random_genotype_has_as_many_parameters(retain: int, seed: int) -> None:
    given = balanced(retain)
    other = random_like(given, seed)
    assert other != given and other == random_like(given, seed)
    assert other.taps() == given.taps()
    assert [[w for _, w in node] for node in other.nodes] == [[w for _, w in node] for node in given.nodes]
    assert parameter_count(SearchedFuser(other, 4)) == parameter_count(SearchedFuser(given, 4))


def test_seeds_differ() -> None:
    assert random_like(balanced(), 0) != random_like(balanced(), 1)


def test_where_there_is_no_other_it_says_so() -> None:
    smallest = Genotype(tuple((("conv_1x1", 1.0),) for _ in NODES))
    with pytest.raises(GenotypeError, match="no other genotype of 15 taps"):
        random_like(smallest, 0)


def test_the_parameter_count_by_hand() -> None:
    # 15 nodes of one 3x3: 15 * 9 * 16 = 2160; BN: 2 * 4 for 13 nodes, 3 times for the two unrolled: 2 * 4 * 19 = 152;
    # stems 2 * (9 * 4 + 4) = 80; join 32 + 4; gate 16 + 4; head 2 * 36 + 2: 210; together 2522
    genotype = Genotype(tuple((("conv_3x3", 1.0),) for _ in NODES))
    assert parameter_count(SearchedFuser(genotype, width=4)) == 2160 + 152 + 80 + 36 + 20 + 74


def test_paper_scale_has_about_the_published_count() -> None:
    fuser = create("searched")
    assert isinstance(fuser, SearchedFuser)
    assert abs(parameter_count(fuser) / PUBLISHED_PARAMETERS - 1) < 0.02
    assert "1,183,762 parameters at width 40" in describe_size(fuser)
    assert "published: 1,166,353 (+1.5 %)" in describe_size(fuser)


def test_the_genotype_decides_the_halo() -> None:
    # stems 1, head 1, and 16 nodes on the longest way: under 3, attention 1, merge 2, split 1, then with r = l = s:
    # R after three steps s + 3, L one after the last R: s + 4; compose 1. 3 + 1 + 2 + 1 + 4 + 1 = 12 nodes of reach 3, + 2
    genotype = Genotype(tuple((("conv_7x7", 1.0),) for _ in NODES))
    assert SearchedFuser(genotype, width=2).halo == 12 * 3 + 2
