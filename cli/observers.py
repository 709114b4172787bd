"""`loupe observers`: who may work by personal link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.errors import plain_errors

if TYPE_CHECKING:
    from labelling.store import Store

app = typer.Typer(help="People who label by personal link.", no_args_is_help=True)

Address = Annotated[
    str | None,
    typer.Option(help="http://HOST:PORT of the labelling app; by default that of the one that runs in this project"),
]
Name = Annotated[str, typer.Argument(help="The observer's name")]


@app.command()
def add(
    name: Name,
    role: Annotated[
        Literal["observer", "expert", "manager"],
        typer.Option(help="expert: may review ratings; manager: may watch how it goes"),
    ] = "observer",
    address: Address = None,
) -> None:
    """Add an observer and print the personal link; again for one that was revoked gives a new link."""
    from labelling.store import Store

    with Store.open() as store:
        with plain_errors():
            added = store.add_observer(name, role)
        print(f"{added.name} may work as {added.role}")
        print(_link(store, added.name, address))


@app.command("list")
def list_() -> None:
    """Everybody who was added."""
    from labelling.store import VISITOR, Store

    with Store.open() as store:
        everybody = store.observers()
    found = [observer for observer in everybody if observer.role != VISITOR]
    for observer in found:
        state = f"revoked {observer.revoked_at[:10]}" if observer.revoked_at else f"since {observer.added_at[:10]}"
        print(f"{observer.name:<24} {observer.role:<10} {state}")
    if len(everybody) > len(found):
        print(f"and {len(everybody) - len(found)} visitors by open links: loupe study visitors NAME")
    if not everybody:
        print("Nobody was added yet: loupe observers add NAME")


@app.command()
def link(name: Name, address: Address = None) -> None:
    """Print the personal link of an observer again."""
    from labelling.store import Store

    with Store.open() as store:
        print(_link(store, name, address))


@app.command()
def revoke(name: Name) -> None:
    """Withdraw an observer's links at once; the votes stay."""
    from labelling.store import Store

    with Store.open() as store:
        store.revoke_observer(name)
        print(f"{name}'s link no longer works; what {name} voted is kept")


def _link(store: Store, name: str, address: str | None) -> str:
    from labelling.desk.tokens import observer_link
    from labelling.web.addresses import running

    base = address or running()
    if base:
        return observer_link(store, name, base if "://" in base else f"http://{base}")
    path = observer_link(store, name, "")
    return f"{path}  (no labelling app runs here: put its address before this, or start `loupe label`)"
