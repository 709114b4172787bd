"""The commands of `loupe`. Each imports what it needs when it runs, so that `loupe --help` is quick."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from cli import labels, observers, ratings, study

app = typer.Typer(
    name="loupe",
    help="Human in the loupe: teach image enhancement models what people prefer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(labels.app, name="labels")
app.add_typer(observers.app, name="observers")
app.add_typer(ratings.app, name="ratings")
app.add_typer(study.app, name="study")


@app.command()
def check() -> None:
    """Check params.yaml whole: unknown keys, wrong types, impossible values."""
    from tasks.config import PARAMS_FILE, load_whole

    params = load_whole()
    print(
        f"{PARAMS_FILE} is valid (scale {params.scale}, {len(params.rounds)} rounds, labels from {params.labels.source})"
    )


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="demo (two CPU cores, minutes) or paper (the paper's numbers)")],
) -> None:
    """Write params.yaml whole from a preset; the file before is kept as params.yaml.before."""
    from cli.presets import apply

    print(apply(name))


@app.command()
def run(
    target: Annotated[str, typer.Option(help="The stage to bring up to date")] = "report",
    verbose: Annotated[bool, typer.Option(help="Show what the stages print")] = False,
) -> None:
    """Run the low-light rounds as a Prefect flow (exit code 75: labels are missing)."""
    from tasks.config import load_whole

    load_whole()
    from flows.low_light import main as flow

    sys.exit(flow(["--target", target, *(["--verbose"] if verbose else [])]))


@app.command()
def enhance(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos")],
    out: Annotated[Path, typer.Option(help="Folder for the enhanced photos, under the same names")],
    round_: Annotated[
        str | None, typer.Option("--round", help="The round whose fine-tuned model to use; the last one by default")
    ] = None,
    tile: Annotated[int, typer.Option(min=64, help="Side of a tile in pixels; memory grows with it")] = 1024,
) -> None:
    """Enhance your photos with the aligned model, at full resolution."""
    from cli.enhancing import enhance_photos

    sys.exit(enhance_photos(photos, out, round_, tile))


@app.command()
def fuse(
    exposures: Annotated[
        list[Path], typer.Argument(metavar="UNDER OVER [MORE...]", help="Exposures of one scene, or folders of them")
    ],
    out: Annotated[Path, typer.Option(help="File to write; with folders, the folder for the fused photos")],
    method: Annotated[
        Literal["searched", "mertens", "laplacian", "average"], typer.Option(help="searched: the trained fuser")
    ] = "searched",
    rule: Annotated[
        Literal["fold", "extremes"],
        typer.Option(help="More than two: fused from the darkest to the brightest, or the darkest and brightest alone"),
    ] = "fold",
    round_: Annotated[
        str | None,
        typer.Option(
            "--round", help="With loop.task: brackets, the round whose fine-tuned fuser to use; the last one by default"
        ),
    ] = None,
    tile: Annotated[int, typer.Option(min=64, help="Side of a tile in pixels; memory grows with it")] = 1024,
) -> None:
    """Fuse bracketed photos into one, at full resolution; folders are joined by file name."""
    if round_ is not None and method != "searched":
        raise typer.BadParameter(f"rounds teach the searched fuser; --method {method} has none", param_hint="--round")
    from cli.fusing import fuse_photos

    sys.exit(fuse_photos(exposures, out, method, rule, tile, round_))


@app.command()
def label(
    round_: Annotated[
        str | None, typer.Argument(metavar="ROUND", help="r01, r02, ..., validation, or a study; all by default")
    ] = None,
    observer: Annotated[str | None, typer.Option(help="Your name; the user name by default")] = None,
    terminal: Annotated[bool, typer.Option(help="Answer in the terminal instead of a page in the browser")] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser")] = True,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name that other machines reach this one by; repeatable")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one")] = 0,
) -> None:
    """Start the labelling app: pages to compare, rate and review pictures, or the terminal."""
    from cli.labelling import label_here, serve_app

    name = observer or getpass.getuser()
    if terminal:
        label_here(round_, name)
    else:
        serve_app(round_, name, host=host, allowed_hosts=allow_host or [], port=port, browser=browser)


class _SearchByDefault(TyperGroup):
    """`loupe genetic PHOTOS` is `loupe genetic search PHOTOS`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["search", *args]
        return super().parse_args(ctx, args)


genetic = typer.Typer(
    cls=_SearchByDefault, no_args_is_help=True, help="Search brightness, contrast and gamma of each photo."
)
app.add_typer(genetic, name="genetic")


@genetic.command("search")
def genetic_search(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos")],
    out: Annotated[Path, typer.Option(help="Folder for the chosen versions, under the same names")],
) -> None:
    """Search each photo (`loupe genetic PHOTOS --out DIR` does the same); photos searched before are skipped."""
    from cli.genetic import search_photos

    sys.exit(search_photos(photos, out))


@genetic.command("pick")
def genetic_pick(
    photo: Annotated[
        str, typer.Argument(help="A photo that was searched into --out, or an image's id in data/genetic")
    ],
    out: Annotated[Path, typer.Option(help="The folder it was searched into")],
    individual: Annotated[int | None, typer.Option(help="Number of the version to write")] = None,
) -> None:
    """Show a photo's front as a contact sheet, or write another point of it."""
    from cli.genetic import pick

    sys.exit(pick(photo, out, individual))


@app.command()
def status() -> None:
    """Votes and ratings of every round in the label store: have and need."""
    from labelling.store import Store

    with Store.open() as store:
        rounds = store.rounds()
        for name in rounds:
            found = store.status(name)
            of = "ratings of {} pictures" if store.batch(name).task == "ratings" else "votes on {} pairs"
            word = "complete" if found.complete else f"label with: loupe label {name}"
            votes = f"{found.have:>6} of {found.need:<6} {of.format(found.pairs)}{found.words()}"
            print(f"{name:<12} {found.kind:<10} {votes}  {word}")
    if not rounds:
        print("The label store is empty: `dvc repro` registers the pairs of a round when it gets there.")


@app.command()
def weights(names: Annotated[list[str] | None, typer.Argument(help="Some of them; all by default")] = None) -> None:
    """Fetch and list the weights of the networks and metrics, with licence and source."""
    from models.weights.__main__ import main as resolve

    sys.exit(resolve(names or []))


def main() -> None:
    """Run the command; Loupe's own errors end in one line."""
    try:
        app()
    except Exception as error:
        from tasks.runtime import is_own_error

        if not is_own_error(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
