"""`loupe study open`, `close`, `visitors` and `language`: a study for people far away, by a link that anybody may follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import UserError, plain_errors

if TYPE_CHECKING:
    from labelling.store import Link, Store

Name = Annotated[str, typer.Argument(help="The study")]
Address = Annotated[
    str | None,
    typer.Option(
        help="http(s)://HOST:PORT that people reach the labelling app by; by default that of the one that runs"
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `loupe study`."""
    app.command("open")(open_)
    app.command()(close)
    app.command()(visitors)
    app.command()(language)


def open_(
    name: Name,
    pages: Annotated[
        Path | None,
        typer.Option(help="YAML file of the pages before and after; when opening again: those that there are"),
    ] = None,
    quota: Annotated[int | None, typer.Option(min=1, help="Pairs a person")] = None,
    people: Annotated[int | None, typer.Option(min=1, max=20_000, help="How many people")] = None,
    votes: Annotated[int | None, typer.Option(min=1, help="Let nobody else in from this many votes on")] = None,
    hold: Annotated[
        float | None, typer.Option(min=0.01, help="Hours that a place waits for who does not finish")
    ] = None,
    language: Annotated[
        Path | None, typer.Option(help="File of the pages' texts in another language, or the name of one: de")
    ] = None,
    new_link: Annotated[bool, typer.Option("--new-link", help="Make the link before void")] = False,
    address: Address = None,
) -> None:
    """Open a study to whoever has its link, and print the link; again changes limits and pages and keeps the link."""
    from labelling.desk.visits import Study, limits_of, study_of
    from labelling.exchange.manifest import load
    from labelling.exchange.study_pages import StudyPages, read_study_pages, truths
    from labelling.store import Limits, Store
    from labelling.web.language import read_language

    made = load(name, "pairs")
    with Store.open() as store, plain_errors():
        before = store.link_of(name)
        kept = study_of(name, before.pages) if before else None
        there = kept.pages if kept else StudyPages(title=made.question)
        asked = there if pages is None else read_study_pages(pages)
        own = None if pages is None or asked.language is None else _beside(pages, asked.language)
        file = language or own
        texts = read_language(file) if file else None
        if pages is None and kept is not None and texts is None:
            tag, said = kept.language, kept.texts
        else:
            tag, said = ("en", {}) if texts is None else (texts.tag, texts.given)
        options = store.batch(name).options
        study = Study(name, asked, tag, said, truths(asked, made, options.training))
        given = {"quota": quota, "people": people, "votes": votes, "hold": hold}
        if pages is None and before is not None:
            given = {key: getattr(before.limits, key) if value is None else value for key, value in given.items()}
        link = store.open_link(name, Limits(**limits_of(asked, **given)), study.to_json(), anew=new_link)
        _say_open(store, link, options.training)
        if texts and texts.missing:
            print(f"{len(texts.missing)} texts stay English: `loupe study language {file}` lists them")
    print(_address(link.token, address))


def close(name: Name) -> None:
    """Let nobody else in; who has begun may finish, and everything is kept."""
    from labelling.store import Store

    with Store.open() as store:
        if store.close_link(name) is None:
            raise UserError(f"{name} was never open: loupe study open {name}")
    print(f"{name} is closed: nobody else is let in, and who has begun may finish")


def visitors(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="CSV file to write, one row per visitor")] = None,
    code: Annotated[list[str] | None, typer.Option("--code", help="A completion code to check; repeatable")] = None,
) -> None:
    """Who came by the open link: how many, how far, and what they answered; or whose a completion code is."""
    from labelling.desk.visits import study_of
    from labelling.exchange.csv_files import write_rows
    from labelling.exchange.visitors import visitor_table
    from labelling.store import Store

    with Store.open() as store:
        link = store.link_of(name)
        if link is None:
            raise UserError(f"{name} was never open: loupe study open {name}")
        found = store.visitors(name)
    finished = [each for each in found if each.finished_at]
    if code:
        by_code = {each.code: each for each in found}
        for given in code:
            each = by_code.get(given.strip().upper())
            said = (
                "is not of this study" if each is None else f"is of {each.name}: {_state(each.finished_at, each.votes)}"
            )
            print(f"{given} {said}")
        return
    excluded = sum(each.excluded is not None for each in found)
    print(
        f"{len(found)} came, {len(finished)} finished, {excluded} were excluded; {sum(each.votes for each in found)} votes; "
        f"{'closed' if link.closed_at else 'open'}"
    )
    if out is not None:
        columns, rows = visitor_table(found, study_of(name, link.pages).pages)
        write_rows([columns, *rows], out)
        print(f"written: {out}")


def language(
    file: Annotated[Path, typer.Argument(help="File of texts, or the name of one that Loupe has: de")],
) -> None:
    """Check a file of the pages' texts in another language, and list what stays English."""
    from labelling.web.language import english, read_language

    texts = read_language(file)
    base = english().texts
    for key in texts.missing:
        print(f"{key}: {base[key]}")
    print(f"{texts.tag}: {len(base) - len(texts.missing)} of {len(base)} texts")


def _say_open(store: Store, link: Link, training: int) -> None:
    limits = link.limits
    pairs = store.batch(link.round).pairs
    each = f"{limits.quota} of {pairs} pairs a person" if limits.quota else f"all {pairs} pairs a person"
    people = f", {limits.people} people" if limits.people else ""
    votes = f", nobody else from {limits.votes} votes on" if limits.votes else ""
    print(f"{link.round} is open: {each}{people}{votes}; practice pairs: {training}")


def _state(finished_at: str | None, votes: int) -> str:
    return f"finished {finished_at[:16]}, {votes} votes" if finished_at else f"not finished, {votes} votes"


def _beside(pages: Path, language: str) -> Path:
    """A language that a file of pages names: a file beside it, else one that Loupe has."""
    beside = pages.parent / language
    return beside if beside.exists() else Path(language)


def _address(token: str, address: str | None) -> str:
    from labelling.web.addresses import running

    base = address or running()
    if base:
        return f"{(base if '://' in base else f'http://{base}').rstrip('/')}/s/{token}"
    return f"/s/{token}  (no labelling app runs here: put its address before this, or start `loupe label`)"
