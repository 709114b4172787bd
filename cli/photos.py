"""The commands on a user's own photos: `loupe enhance`, `loupe fuse` and `loupe genetic`, imported when they run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

EXIT_CODES = (
    "Ends with 0 when all is done (now or before), 1 when nothing was or a full or read-only disk stopped the run, "
    "2 for wrong arguments, 3 when some photos were left out; each of those is named."
)

Photos = Annotated[list[Path], typer.Argument(help="Photos, or folders of photos")]
Tile = Annotated[
    int | None,
    typer.Option(min=64, help="Side of a tile in pixels, by default 512, on a GPU 1024; memory grows with it"),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", help="Read sub-folders too, and make the same ones in the output folder")
]
Page = Annotated[int, typer.Option(min=1, help="Which page of files with several (TIFF, animations)")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Make again what is done already")]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace files that this command did not write, or that were changed since; never a photo that it reads",
    ),
]
Shipped = Annotated[
    bool, typer.Option("--shipped", help="Use the weights that Loupe comes with, whatever was trained here")
]
Debug = Annotated[bool, typer.Option("--debug", envvar="LOUPE_DEBUG", help="Show where an error came from")]


def enhance(
    photos: Photos,
    out: Annotated[Path, typer.Option(help="Folder for the enhanced photos, under the same names")],
    round_: Annotated[
        str | None,
        typer.Option(
            "--round",
            help="The round whose model to use; by default the one that the votes prefer, or what Loupe comes with before any "
            "is trained",
        ),
    ] = None,
    shipped: Shipped = False,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Write OUT/compare.html as well: the photos before and after, with a slider"),
    ] = False,
    tile: Tile = None,
    recursive: Recursive = False,
    page: Page = 1,
    fresh: Fresh = False,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    from cli.batch import Options
    from cli.enhancing import enhance_photos

    if shipped and round_ is not None:
        raise typer.BadParameter("what Loupe comes with has no rounds", param_hint="--round")
    options = Options(recursive, page, fresh, overwrite, debug)
    sys.exit(enhance_photos(photos, out, round_, tile, options, shipped=shipped, compare=compare))


enhance.__doc__ = f"""Enhance your photos with the aligned model, at full resolution; what is done already is not made again.

{EXIT_CODES}"""


def fuse(
    exposures: Annotated[
        list[Path],
        typer.Argument(
            metavar="FIRST SECOND [MORE...]",
            help="Pictures of one scene, or folders of them: exposures, or with --kind thermal infrared and visible",
        ),
    ],
    out: Annotated[Path, typer.Option(help="File to write; with folders, the folder for the fused photos")],
    method: Annotated[
        str | None,
        typer.Option(
            help="mertens, laplacian, average, or your own fuser (module:function, TorchScript, ONNX); by default the trained "
            "one of params.yaml. For infrared: average, maximum, pyramid, wavelet, guided, or your own"
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Of pictures, as params.yaml names them; by default exposures of one scene")
    ] = None,
    rule: Annotated[
        Literal["pairs", "extremes", "tree", "fold"],
        typer.Option(
            help="More than two: pairs half the sequence apart, blended; the darkest and the brightest alone; a tree of "
            "neighbours; or one after the other, which five exposures turn white"
        ),
    ] = "pairs",
    align: Annotated[
        bool | None,
        typer.Option(
            "--align/--no-align",
            help="Bring exposures of a hand-held camera over one another first (done by default), or infrared over visible (not)",
        ),
    ] = None,
    round_: Annotated[
        str | None,
        typer.Option(
            "--round",
            help="The round whose aligned fuser to use; by default the one that the votes prefer, or f(0) before any is "
            "trained, or what Loupe comes with before that",
        ),
    ] = None,
    shipped: Shipped = False,
    tile: Tile = None,
    pair_by: Annotated[
        Literal["name", "order", "time"],
        typer.Option(help="How folders are joined: by file name, as the n-th of each, or by EXIF time"),
    ] = "name",
    bursts: Annotated[
        bool, typer.Option("--bursts", help="Find the scenes of one folder: bursts, by EXIF time and exposure")
    ] = False,
    recursive: Recursive = False,
    page: Page = 1,
    fresh: Fresh = False,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    if round_ is not None and method is not None:
        raise typer.BadParameter(
            f"rounds teach the fuser of params.yaml; --method {method} has none", param_hint="--round"
        )
    if shipped and (round_ is not None or method is not None):
        raise typer.BadParameter("names what is fused with, and so does --round or --method", param_hint="--shipped")
    from cli.batch import Options
    from cli.fusing import fuse_photos

    options = Options(recursive, page, fresh, overwrite, debug)
    sys.exit(
        fuse_photos(
            exposures,
            out,
            method,
            rule,
            tile,
            round_,
            kind=kind,
            by=pair_by,
            in_bursts=bursts,
            align=align,
            options=options,
            shipped=shipped,
        )
    )


fuse.__doc__ = f"""Fuse bracketed photos into one, at full resolution; what is done already is not made again.

{EXIT_CODES}"""


class _SearchByDefault(TyperGroup):
    """`loupe genetic PHOTOS` is `loupe genetic search PHOTOS`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["search", *args]
        return super().parse_args(ctx, args)


genetic = typer.Typer(
    cls=_SearchByDefault, no_args_is_help=True, help="Search brightness, contrast and gamma of each photo."
)


def search(
    photos: Photos,
    out: Annotated[Path, typer.Option(help="Folder for the chosen versions, under the same names")],
    recursive: Recursive = False,
    page: Page = 1,
    fresh: Fresh = False,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    from cli.batch import Options
    from cli.genetic import search_photos

    sys.exit(search_photos(photos, out, Options(recursive, page, fresh, overwrite, debug)))


search.__doc__ = f"""Search each photo (`loupe genetic PHOTOS --out DIR` does the same); photos searched before are skipped.

{EXIT_CODES}"""
genetic.command("search")(search)


@genetic.command("pick")
def pick(
    photo: Annotated[
        str,
        typer.Argument(
            help="A photo that was searched into --out, or the id of an image that the stage genetic searched"
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder it was searched into")],
    individual: Annotated[int | None, typer.Option(help="Number of the version to write")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Show a photo's front as a contact sheet, or write another point of it."""
    from cli.genetic import pick as write

    sys.exit(write(photo, out, individual, overwrite))
