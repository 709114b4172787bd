"""`loupe models` and `loupe export`: what models there are, and an aligned one for use elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cli.best import best_of, models_of, rounds_of, share_of, votes_on
from cli.enhancing import chosen_weights, read_params
from models import weights
from models.aligners import ALIGNERS
from models.enhancers import create as create_enhancer
from models.enhancers.registry import ENHANCERS
from models.enhancers.registry import GROUP as ENHANCERS_GROUP
from models.fusers import create as create_fuser
from models.fusers.registry import FUSERS
from models.fusers.registry import GROUP as FUSERS_GROUP
from models.judges import GROUP as JUDGES_GROUP
from models.judges import create as create_judge
from models.own import known_names
from models.quality import GROUP as METRICS_GROUP
from models.quality import info
from models.quality import names as metric_names
from models.shipped import SHIPPED
from pictures import atomic_path
from tasks.config import KindSection, Params, View, load_whole, read_yaml, validate
from tasks.kinds import every
from tasks.low_light.kind import KIND as LOW_LIGHT
from tasks.rounds import loop

Row = tuple[str, str, str, str]
# As the metrics resolve them (models/quality).
_WEIGHTS_OF = {
    "lpips": ("alexnet", "lpips-alex"), "dists": ("vgg16", "dists"), "niqe": ("niqe",), "brisque": ("brisque",),
    "musiq": ("musiq",), "nrqm": ("nrqm",), "pi": ("niqe", "nrqm"),
}  # fmt: skip
_TOLERANCE = 1e-4
_PROBES = ((96, 96), (128, 160), (601, 530))  # large ones are looked at through a thumbnail


class ExportError(ValueError):
    """A model cannot be exported, or what was written makes another picture."""


def list_models(presets: Path) -> None:
    """Print every registered network, judge, aligner and metric: its parameters, and where its weights come from.

    Then the models that Loupe comes with and those that were trained here, what is known of each, and which is used by default.
    """
    demo, paper = (validate(read_yaml(presets / f"{name}.yaml")) for name in ("demo", "paper"))
    rows: list[Row] = [("WHAT", "NAME", "PARAMETERS (demo, paper)", "WEIGHTS")]
    for name in ENHANCERS:
        counts = [_enhancer_size(name, params) for params in (demo, paper)]
        rows.append(("enhancer", name, _both(counts), "trained here"))
    for name in FUSERS:
        counts = [_fuser_size(name, params) for params in (demo, paper)]
        title = f"{name}, balanced" if name == "searched" else name  # its size depends on what the search finds
        rows.append(("fuser", title, _both(counts), "trained here" if any(counts) else "none needed"))
    for kind in demo.kinds:
        judge = demo.of(kind).judge
        counts = [_judge_size(params.of(kind)) for params in (demo, paper)]
        encoder = judge.options.get("encoder")
        trained = f"trained here, on {_here(encoder)}" if isinstance(encoder, str) else "trained here"
        rows.append(("judge", f"{judge.name} of {kind}", _both(counts), trained))
    rows.append(("judge", "metric", "none: learns nothing", "the metric's own"))
    for name in ALIGNERS:
        features = "VGG16's features: " + _here("vgg16") if name == "ranker_loss" else "none needed"
        rows.append(("aligner", name, "none of its own", features))
    for name in metric_names():
        needs = [
            word
            for word, asked in (("reference", info(name).needs_reference), ("sources", info(name).needs_sources))
            if asked
        ]
        what = f"needs {' and '.join(needs)}" if needs else "no reference"
        rows.append(("metric", name, what, "; ".join(map(_here, _WEIGHTS_OF.get(name, ()))) or "none needed"))
    groups = {"enhancer": ENHANCERS_GROUP, "fuser": FUSERS_GROUP, "judge": JUDGES_GROUP, "metric": METRICS_GROUP}
    rows += [
        (what, name, "of an installed package", "its own")
        for what, group in groups.items()
        for name in known_names(group)
    ]
    _print(rows)
    print()
    _print([("KIND", "MODEL", "USED BY DEFAULT", "WHAT IS KNOWN OF IT"), *_usable(read_params())])


def _print(rows: Sequence[Row]) -> None:
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + "  " + row[3])


def _usable(params: Params | None) -> list[Row]:
    """What `loupe enhance` and `loupe fuse` can take here, for each kind."""
    rows: list[Row] = []
    for kind in every():
        here: dict[str, Path] = {}
        if params is not None and kind.name in params.kinds:
            rounds = rounds_of(params, kind)
            models, votes, best = models_of(kind.name, rounds), votes_on(kind.name, rounds), best_of(kind.name, rounds)
            here = {name: path for name, path in models.items() if path.is_file()}
            last = models[f"f{len(rounds)}"]
            used = best.weights if best else last if last.is_file() else models["f0"] if kind.source_names else None
            for name, path in here.items():
                known = f"{share_of(votes[name])} prefer it to f0; " if name in votes else ""
                rows.append((kind.name, name, "yes" if path == used else "", f"{known}{path}"))
        if kind.comes_with in SHIPPED:
            ours, usual = SHIPPED[kind.comes_with], "" if any(row[0] == kind.name and row[2] for row in rows) else "yes"
            rows.append((kind.name, f"shipped: {ours.name}", usual, ours.measured))
        elif not here:
            rows.append(
                (kind.name, "none", "", "nothing is trained here; `loupe fuse --method` names what needs no training")
            )
    return rows


def _here(name: str) -> str:
    origin = weights.origin(name)
    return f"{name}: here, from {origin}" if origin else f"{name}: not here yet (`loupe weights {name}` fetches it)"


def _size(network: Any) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _both(counts: Sequence[int]) -> str:
    return f"{counts[0]:,}" if len(set(counts)) == 1 else ", ".join(f"{count:,}" for count in counts)


def _enhancer_size(name: str, params: Params) -> int:
    model = params.of(LOW_LIGHT.name).model
    return _size(create_enhancer(name, **(model.options if model.name == name else {})))


def _fuser_size(name: str, params: Params) -> int:
    if name != "searched":
        taught = [params.of(kind).model for kind in params.kinds if params.of(kind).model.name == name]
        return _size(create_fuser(name, **(taught[0].options if taught else {})))
    from models.fusers.searched import build
    from models.search.genotype import balanced
    from tasks.brackets.kind import KIND

    model = params.of(KIND.name).model
    return _size(build(balanced(), **model.options))


def _judge_size(section: KindSection) -> int:
    return _size(create_judge(section.judge.name, **section.judge.options))


def export(out: Path, round_name: str | None) -> None:
    """Write the aligned enhancer into the folder `out` as safetensors, TorchScript and ONNX, and try each.

    Raises `ExportError`: one makes another picture than the model, a file that is there. A form that this model or this
    machine cannot have is said and left out.
    """
    import warnings

    import torch

    warnings.filterwarnings("ignore", category=FutureWarning, module="torch")  # TorchScript goes on working
    warnings.filterwarnings("ignore", message="Constant folding")  # of slices in ONNX: they stay as they are
    params = load_whole()
    source = chosen_weights(params, round_name, LOW_LIGHT)
    named = "f0" if source == loop.first_weights(LOW_LIGHT.name) else f"round {source.parent.name}"
    view = View(params, ("{kind}.model",), LOW_LIGHT.name)
    model = loop.load(view, source)
    targets = {form: out / f"model{form}" for form in (".safetensors", ".ts", ".onnx")}
    there = [str(path) for path in targets.values() if path.exists()]
    if there:
        raise ExportError(f"{', '.join(there)}: there already; name another --out, or delete them")
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    probes = [torch.rand(1, 3, height, width, generator=generator) for height, width in _PROBES]
    with torch.no_grad():
        wanted = [model(probe) for probe in probes]
    for form, write in ((".safetensors", _safetensors), (".ts", _torchscript), (".onnx", _onnx)):
        try:
            with atomic_path(targets[form]) as temporary:
                again = write(model, probes[0], temporary, view)
                difference = max(
                    float((made - picture).abs().max()) for made, picture in zip(again(probes), wanted, strict=True)
                )
                if difference > _TOLERANCE:
                    raise ExportError(f"{targets[form]} would make another picture: it is off by {difference:.2g}")
        except _NotThis as reason:
            print(f"{targets[form]}: left out: {reason}")
            continue
        print(f"{targets[form]}: the same picture as {named}, off by {difference:.1g} at most")


class _NotThis(Exception):
    """A form that this model or this machine cannot have."""


def _safetensors(model: Any, probe: Any, path: Path, view: View) -> Any:
    from models.core.storage import load_weights, save_weights

    save_weights(model, path)
    again = create_enhancer(view.model.name, **view.model.options).eval()
    named = path.with_name(f"{path.name}.safetensors")  # as the file will be called, which loading looks at
    path.rename(named)
    try:
        load_weights(again, named)
    finally:
        named.rename(path)
    return _run(again)


def _torchscript(model: Any, probe: Any, path: Path, view: View) -> Any:
    import torch

    try:
        script = torch.jit.script(model)
    except Exception:
        # Traced: what the network does must not depend on the size of the picture, which the second probe tells.
        with torch.no_grad():
            script = torch.jit.trace(model, probe, check_trace=False)
    script.save(str(path))
    loaded = torch.jit.load(str(path))
    return _run(loaded)


def _onnx(model: Any, probe: Any, path: Path, view: View) -> Any:
    import torch

    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401

        from models.own.onnx import OnnxNetwork
    except ImportError as error:
        raise _NotThis(f"{error.name} is not installed (pip install 'loupe[onnx]')") from None
    sides = {0: "batch", 2: "height", 3: "width"}
    try:
        with torch.no_grad():
            torch.onnx.export(
                model, (probe,), str(path), input_names=["image"], output_names=["enhanced"],
                dynamic_axes={"image": sides, "enhanced": sides}, dynamo=False,
            )  # fmt: skip
    except Exception as error:
        told = str(error).strip().splitlines()
        raise _NotThis(
            f"torch cannot write this network as ONNX ({told[0] if told else type(error).__name__})"
        ) from None
    return _run(OnnxNetwork(path))


def _run(network: Any) -> Any:
    def run(probes: Iterable[Any]) -> list[Any]:
        import torch

        with torch.no_grad():
            return [network(probe) for probe in probes]

    return run
