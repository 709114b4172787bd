"""The commands of `loupe`. Each imports what it needs when it runs, so that `loupe --help` is quick."""

from __future__ import annotations

import getpass
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli import labels, llm, observers, photos, ratings, rounds, scale, study
from cli.errors import UserError

app = typer.Typer(
    name="loupe",
    help="Human in the loupe: teach image enhancement models what people prefer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(labels.app, name="labels")
app.add_typer(llm.app, name="llm")
app.add_typer(observers.app, name="observers")
app.add_typer(ratings.app, name="ratings")
app.add_typer(rounds.app, name="rounds")
app.add_typer(study.app, name="study")


@app.command()
def check() -> None:
    """Check params.yaml whole, and what it names: folders, how their photos join, sizes against crops, the label store."""
    from cli.checking import check as check_all

    sys.exit(check_all())


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="demo (two CPU cores, minutes) or paper (the paper's numbers)")],
) -> None:
    """Write params.yaml whole from a preset; the file before is kept as params.yaml.before."""
    from cli.presets import apply

    print(apply(name))


@app.command()
def run(
    name: Annotated[
        str | None,
        typer.Argument(help="A kind of pictures, search or genetic; the first kind of params.yaml by default"),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The stage to bring up to date, or all of a name")] = None,
    verbose: Annotated[bool, typer.Option(help="Show what the stages print")] = False,
) -> None:
    """Run the rounds of a kind, or a search, as a Prefect flow (exit code 75: labels are missing)."""
    from flows import graph, params, project_root
    from flows.notify import tell
    from flows.table import FLOWS, wanted

    here = wanted(params.settings(project_root())) or list(FLOWS.values())
    flow_name = name.replace("_", "-") if name else here[0].name
    if flow_name not in FLOWS:
        raise UserError(f"no flow is called {name!r}; they are {', '.join(FLOWS)}")
    target = target or FLOWS[flow_name].target

    # Looked at first: what is recorded as done was checked then, and checking params.yaml anew imports torch.
    with suppress(graph.GraphError):  # params.yaml may be why, and the check says it better
        if graph.up_to_date(project_root(), target):
            print(f"{target} is up to date: nothing to run")
            for line in tell(project_root()):
                print(line, file=sys.stderr)
            return
    from tasks.config import load_whole

    load_whole()
    from flows.__main__ import main as flow

    sys.exit(flow([flow_name, "--target", target, *(["--verbose"] if verbose else [])]))


app.command()(photos.enhance)
app.command()(photos.fuse)


@app.command()
def score(
    pictures: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures")],
    out: Annotated[Path, typer.Option(help="Table to write, .csv or .parquet")],
    kind: Annotated[str, typer.Option(help="Of pictures, whose judge is asked")],
    source: Annotated[
        list[Path] | None,
        typer.Option(
            help="What they were made of, a file or a folder joined by name; repeat it (infrared, then visible)"
        ),
    ] = None,
    round_: Annotated[
        str | None, typer.Option("--round", help="Whose judge; r00 is the one before any label, the last by default")
    ] = None,
    heatmaps: Annotated[
        Path | None, typer.Option(help="Folder for heatmaps of artifacts, of a judge that says them")
    ] = None,
) -> None:
    """Score pictures by a judge of the rounds: its score, scores by criterion, heatmaps."""
    from cli.scoring import score_pictures

    sys.exit(score_pictures(pictures, source or [], out, kind, round_, heatmaps))


@app.command()
def downstream(
    pictures: Annotated[
        list[str], typer.Argument(metavar="PICTURES...", help="A folder a method, as FOLDER or NAME=FOLDER")
    ],
    labels: Annotated[
        Path, typer.Option(help="detect: a folder of YOLO's .txt, or a COCO .json; segment: a folder of .png masks")
    ],
    task: Annotated[Literal["detect", "segment"], typer.Option(help="What the network does")],
    model: Annotated[str, typer.Option(help="yolox_nano, torchvision:NAME, or FILE.onnx")],
    weights: Annotated[
        Path | None, typer.Option(help="Of torchvision:NAME; torchvision's own, from its address, by default")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Names of the labels' classes, one a line, and what the network calls them")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Table to write, .csv or .parquet")] = None,
    absent_is_empty: Annotated[
        bool, typer.Option("--absent-is-empty", help="A picture without a file of YOLO's has no objects")
    ] = False,
    values: Annotated[
        Literal["imagenet", "unit"], typer.Option(help="What an ONNX segmentation network takes: normalised, or 0 to 1")
    ] = "imagenet",
    draws: Annotated[int, typer.Option(min=0, help="Of the intervals; 0 leaves them out")] = 500,
    per_class: Annotated[bool, typer.Option("--per-class", help="Print the scores of each class, too")] = False,
) -> None:
    """Compare methods by how well a detector or a segmentation network does on their pictures, by labels of yours."""
    from cli.downstream import Asked, score_downstream

    asked = Asked(labels, task, model, weights, classes, out, absent_is_empty, values, draws, per_class)
    sys.exit(score_downstream(pictures, asked))


@app.command()
def label(
    round_: Annotated[
        str | None,
        typer.Argument(metavar="ROUND", help="low_light-r01, ..., low_light-validation, or a study; all by default"),
    ] = None,
    observer: Annotated[str | None, typer.Option(help="Your name; the user name by default")] = None,
    terminal: Annotated[bool, typer.Option(help="Answer in the terminal instead of a page in the browser")] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser")] = True,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name that other machines reach this one by; repeatable")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one")] = 0,
    language: Annotated[
        Path | None, typer.Option(help="A file of the pages' texts in another language, or the name of one: de")
    ] = None,
) -> None:
    """Start the labelling app: pages to compare, rate and review pictures, or the terminal."""
    from cli.labelling import label_here, serve_app

    name = observer or getpass.getuser()
    if terminal:
        label_here(round_, name)
    else:
        serve_app(
            round_, name, host=host, allowed_hosts=allow_host or [], port=port, browser=browser, language=language
        )


app.command()(scale.scale)
app.add_typer(photos.genetic, name="genetic")


@app.command()
def status() -> None:
    """Votes and ratings of every round in the label store: have and need."""
    from labelling.store import Store

    with Store.open() as store:
        names = store.rounds()
        for name in names:
            found = store.status(name)
            task = store.batch(name).task
            of = "votes on {} pairs" if task == "pairs" else f"{task} of {{}} pictures"
            word = "complete" if found.complete else f"label with: loupe label {name}"
            votes = f"{found.have:>6} of {found.need:<6} {of.format(found.pairs)}{found.words()}"
            print(f"{name:<22} {found.kind:<10} {votes}  {word}")
    if not names:
        print("The label store is empty: `dvc repro` registers the pairs of a round when it gets there.")


@app.command()
def notify(
    command: Annotated[
        list[str] | None, typer.Argument(help="A command to run first, after --; if it fails, that is told, too")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Send a trial message, and say what answered")] = False,
) -> None:
    """Tell what is due by `notify` of params.yaml: labels needed, rounds done; for example: loupe notify -- dvc repro."""
    from cli.notifying import notify_now

    sys.exit(notify_now(test, command or []))


@app.command("merge-lock")
def merge_lock(
    base: Annotated[Path, typer.Argument(help="%O")],
    ours: Annotated[Path, typer.Argument(help="%A, where what is merged is written")],
    theirs: Annotated[Path, typer.Argument(help="%B")],
) -> None:
    """Merge dvc.lock stage by stage, as git's merge driver (docs/scale.md); exit code 1: both sides ran one stage."""
    from flows.lock import LockError, merge

    try:
        both = merge(base, ours, theirs)
    except LockError as error:
        raise UserError(str(error)) from None
    if both:
        print(
            f"dvc.lock: both sides ran {', '.join(both)}; what is recorded here stays. `git add dvc.lock` takes it so",
            file=sys.stderr,
        )
        sys.exit(1)


@app.command()
def deploy(
    pool: Annotated[
        str | None,
        typer.Option(
            help="A work pool whose workers run the flows; made where missing. Without it `make ui` runs them"
        ),
    ] = None,
    type: Annotated[
        str | None, typer.Option(help="Of the pool: process or kubernetes (default: as it is, process for a new one)")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Runs at a time in the pool, such as the GPUs behind it")
    ] = None,
    image: Annotated[str | None, typer.Option(help="kubernetes: image with Loupe")] = None,
    claim: Annotated[str | None, typer.Option(help="kubernetes: volume claim with this project's folder")] = None,
    secret: Annotated[
        str | None, typer.Option(help="kubernetes: secret whose keys become variables, such as LOUPE_LABELS")
    ] = None,
    gpus: Annotated[int | None, typer.Option(min=0, help="kubernetes: GPUs of a pod")] = None,
) -> None:
    """Register the flows on the Prefect server of PREFECT_API_URL; what was set in its pages before stays."""
    from tasks.config import load_whole

    load_whole()
    from flows.deployments import deploy as register
    from flows.pools import TYPES, Pool

    of_pool = (type, limit, image, claim, secret, gpus)
    if pool is None and any(value is not None for value in of_pool):
        raise typer.BadParameter("these options are of a work pool: name it with --pool")
    if type is not None and type not in TYPES:
        raise typer.BadParameter(f"--type is {' or '.join(TYPES)}, not {type}")
    sys.exit(register(None if pool is None else Pool(pool, *of_pool)))


@app.command()
def repair(path: Annotated[Path, typer.Argument(help="A damaged file or folder that a stage wrote")]) -> None:
    """Remove a damaged output of the pipeline together with its copy in DVC's cache, where that is damaged too."""
    from flows.repair import repair as mend

    print(mend(path, Path.cwd()))


@app.command()
def models() -> None:
    """List every registered network, judge, aligner and metric, with its parameters and where its weights come from."""
    from cli.models import list_models
    from cli.presets import PRESETS

    list_models(PRESETS)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="The folder to write into")],
    round_: Annotated[
        str | None,
        typer.Option("--round", help="Whose model; by default the one that the votes prefer"),
    ] = None,
) -> None:
    """Write the aligned enhancer as safetensors, TorchScript and ONNX, and check that each makes the same picture."""
    from cli.models import export as export_model

    export_model(out, round_)


@app.command()
def weights(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Some of them, all by default; or: convert FILE, of a checkpoint of yours"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With convert: the file to write, FILE.safetensors by default")
    ] = None,
    key: Annotated[str | None, typer.Option(help="With convert: which of several sets of weights in the file")] = None,
    of: Annotated[
        str | None, typer.Option("--of", help="With convert: the enhancer whose published checkpoint it is")
    ] = None,
    renames: Annotated[
        Path | None, typer.Option("--names", help="With --of: JSON, beginnings of names there -> of names here")
    ] = None,
    options: Annotated[
        Path | None, typer.Option("--options", help="With --of: JSON, the enhancer's options; by default the paper's")
    ] = None,
) -> None:
    """Fetch and list the weights of the networks and metrics, with licence and source; `convert FILE` reads a .pth safely."""
    if names and names[0] == "convert":
        from cli.converting import convert_checkpoint

        if len(names) != 2:
            raise UserError("convert takes one file: loupe weights convert FILE [--out FILE] [--key NAME] [--of NAME]")
        print(convert_checkpoint(Path(names[1]), out, key, of, renames, options))
        return
    from models.weights.__main__ import main as resolve

    sys.exit(resolve(names or []))


def main() -> None:
    """Run the command; Loupe's own errors end in one line. With LOUPE_DEBUG=1 they show where they came from."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        app()
    except Exception as error:
        from tasks.stage.runtime import is_own_error

        if not is_own_error(error) or os.environ.get("LOUPE_DEBUG"):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
