"""Registering: options, sources, sizes, and many pictures without holding them."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import struct
import zlib
from functools import partial
from typing import Any

import pytest
from label_helpers import make_pairs, png, sha

from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import (
    InvalidPair,
    Options,
    PairImages,
    SourceImage,
    Store,
    UnknownPicture,
    UnknownRound,
    pair_key,
    rounds,
)

QUESTION = "Which looks better?"


def source(name: str, value: int) -> SourceImage:
    return SourceImage(name=name, sha256=sha(value), png=partial(png, value))


def test_options_belong_to_the_round_and_may_change(place: str) -> None:
    pairs = make_pairs(2)
    options = Options(allow_tie=True, allow_unsure=True, repeats=0.25, training=2, criteria=FUSION_CRITERIA)
    with Store.open(place) as store:
        first = store.register("r01", "people", pairs, 1, QUESTION)
        assert store.options("r01") == Options()
        assert store.register("r01", "people", pairs, 1, QUESTION, options) == first
    with Store.open(place) as store:
        assert store.options("r01") == options == store.batch("r01").options


@pytest.mark.parametrize(
    "options",
    [
        Options(repeats=-0.1), Options(repeats=0.6), Options(repeats=float("nan")), Options(repeats="x"),  # type: ignore[arg-type]
        Options(training=-1), Options(training=1.5), Options(training=True), Options(training=2**40),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_bad_options_are_refused(sqlite_store: Store, options: Options) -> None:
    with pytest.raises(ValueError, match=r"repeats|training"):
        sqlite_store.register("r01", "people", make_pairs(1), 1, QUESTION, options)
    assert sqlite_store.rounds() == []


def test_sources_come_with_the_pair(store: Store) -> None:
    plain, fused = make_pairs(2)
    fused = dataclasses.replace(fused, sources=(source("visible", 50), source("infrared", 51)))
    store.register("r01", "people", [plain, fused], 1, QUESTION)
    assert store.sources("r01", fused.key) == (("visible", sha(50)), ("infrared", sha(51)))
    assert store.sources("r01", plain.key) == ()
    assert store.picture(sha(51)) == png(51)
    store.register("r02", "people", make_pairs(2), 1, QUESTION)  # says none: a matter of its own
    assert (len(store.sources("r01", fused.key)), store.sources("r02", fused.key)) == (2, ())
    store.register("r01", "people", [plain, dataclasses.replace(fused, sources=(source("under", 52),))], 1, QUESTION)
    assert store.sources("r01", fused.key) == (("under", sha(52)),)
    store.register("r01", "people", [plain, dataclasses.replace(fused, sources=())], 1, QUESTION)
    assert store.sources("r01", fused.key) == ()
    with pytest.raises(UnknownRound):
        store.sources("r03", fused.key)


@pytest.mark.parametrize(
    "sources",
    [
        (source("a", 50), source("a", 51)), (source("", 50),), (source("a\n", 50),),
        (dataclasses.replace(source("a", 50), sha256="../x"),), (dataclasses.replace(source("a", 50), png=png(1)),),
    ],
)  # fmt: skip
def test_bad_sources_are_refused(store: Store, sources: tuple[SourceImage, ...]) -> None:
    with pytest.raises(InvalidPair):
        store.register("r01", "people", [dataclasses.replace(make_pairs(1)[0], sources=sources)], 1, QUESTION)
    assert store.rounds() == []


def test_sizes_are_known(store: Store) -> None:
    store.register("r01", "people", make_pairs(1), 1, QUESTION)
    assert store.picture_size(sha(0)) == (12, 8)
    with pytest.raises(UnknownPicture):
        store.picture_size("../labels.sqlite")


def test_a_png_without_a_readable_size_is_refused(sqlite_store: Store) -> None:
    broken = png(0)[:16] + bytes(8) + png(0)[24:]
    name = hashlib.sha256(broken).hexdigest()
    pair = PairImages(
        key=pair_key(name, sha(1)), first_sha256=name, second_sha256=sha(1), first_png=broken, second_png=png(1)
    )
    with pytest.raises(InvalidPair, match="size cannot be read"):
        sqlite_store.register("r01", "people", [pair], 1, QUESTION)


def test_pairs_of_a_round(store: Store) -> None:
    pairs = make_pairs(3)[::-1]
    store.register("r01", "people", pairs, 1, QUESTION)
    assert store.pairs("r01") == [(p.key, *sorted((p.first_sha256, p.second_sha256))) for p in pairs]
    assert store.items("r01") == []


def _drawn(number: int) -> bytes:
    """A PNG of one pixel, told from others by a text inside; quicker than drawing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"tEXt", b"n\x00%d" % number) + chunk(b"IEND", b"")


class Held(bytes):
    """Bytes that count how many of their kind are alive."""

    alive = 0
    most = 0

    def __init__(self, *_: object) -> None:
        Held.alive += 1
        Held.most = max(Held.most, Held.alive)

    def __del__(self) -> None:
        Held.alive -= 1


def test_many_pictures_are_stored_in_few_transactions_and_never_all_held(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 6000
    names = [hashlib.sha256(_drawn(i)).hexdigest() for i in range(count)]
    pairs = [
        PairImages(
            key=pair_key(names[i], names[i + 1]), first_sha256=names[i], second_sha256=names[i + 1],
            first_png=partial(lambda n: Held(_drawn(n)), i), second_png=partial(lambda n: Held(_drawn(n)), i + 1),
        )
        for i in range(0, count, 2)
    ]  # fmt: skip
    begun = []
    real = store._writing
    monkeypatch.setattr(store, "_writing", lambda: begun.append(1) or real())
    monkeypatch.setattr(rounds, "_CHUNK_BYTES", 1000 * len(_drawn(1000)))
    Held.most = 0
    store.register("r01", "people", pairs, 1, QUESTION)
    gc.collect()
    assert store.status("r01").pairs == count // 2
    assert 6 <= len(begun) <= 9
    assert 900 <= Held.most <= 2300  # a chunk and the next one at most
    assert store.picture(names[-1]) == _drawn(count - 1)


def test_an_interrupted_registration_goes_on_where_it_stopped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_CHUNK_PICTURES", 2)
    pairs = make_pairs(4)

    def fail() -> bytes:
        raise OSError("the disk with the pictures was unplugged")

    broken = [*pairs[:3], dataclasses.replace(pairs[3], second_png=fail)]
    with pytest.raises(OSError):
        store.register("r01", "people", broken, 1, QUESTION)
    assert store.rounds() == []
    read: list[Any] = []
    counted = [dataclasses.replace(p, first_png=lambda p=p: read.append(p) or p.first_png) for p in pairs]
    store.register("r01", "people", counted, 1, QUESTION)
    assert read == [pairs[3]] or [p.key for p in read] == [pairs[3].key]
    assert store.status("r01").pairs == 4
