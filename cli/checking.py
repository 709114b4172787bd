"""`loupe check`: params.yaml, and what it names outside of itself: folders, their photos, the label store, weights.

Quick: folders are listed, and of the first dozen photos of each the headers are read. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from pictures import ImageError, Listing, bursts, header_size, identifiers, join, listing, some
from tasks import kinds
from tasks.config import PARAMS_FILE, ConfigError, Dataset, FolderDataset, Params, SampleDataset, read_yaml, validate
from tasks.config.fusion import Brackets, FolderBrackets, SampleBrackets
from tasks.folders import MIN_SIDE
from tasks.photos import PHOTOS, locate

LOOKED_AT = 12
# Joining by time, and bursts, need the EXIF data of every photo: of so many it is read in a moment.
MOST_TIMES = 200


@dataclass
class Findings:
    """faults: what a run would stop at. warnings: what it would leave out or make the best of. counts: what was found."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)


def check() -> int:
    """Check all that can be, print one line for each finding, and return 0.

    Raises `ConfigError` that lists every fault with the path of its key.
    """
    values = read_yaml(PARAMS_FILE)
    found = Findings()
    wrong: ConfigError | None = None
    try:
        params = validate(values)
    except ConfigError as error:
        wrong = error
        # The rest of the file may be sound enough to say what is wrong with the folders too.
        with suppress(ValidationError):
            look_at_dataset(Dataset.model_validate(values.get("dataset")), {}, found)
        with suppress(ValidationError):
            look_at_brackets(Brackets.model_validate(values.get("brackets")), {}, found)
    else:
        crops = training_crops(params)
        look_at_dataset(params.dataset, crops["dataset"], found)
        look_at_brackets(params.brackets, crops["brackets"], found)
    look_at_store(found)
    look_at_weights(found)
    if wrong is not None:
        raise all_at_once([*str(wrong).splitlines()[1:], *(f"  {fault}" for fault in found.faults)])
    for line in (*found.counts, *(f"warning: {line}" for line in found.warnings)):
        print(line)
    if found.faults:
        raise all_at_once([f"  {fault}" for fault in found.faults])
    print(
        f"{PARAMS_FILE} is valid (scale {params.scale}, {len(params.rounds)} rounds, labels from {params.labels.source})"
    )
    return 0


def all_at_once(lines: Sequence[str]) -> ConfigError:
    """One error of a line for each fault."""
    count = f"{len(lines)} fault" + ("s" if len(lines) > 1 else "")
    return ConfigError("\n".join([f"{PARAMS_FILE} has {count}:", *lines]))


def photos_of(count: int) -> str:
    return f"{count} photo{'' if count == 1 else 's'}"


def training_crops(params: Params) -> dict[str, dict[str, int]]:
    """Sides of the crops that each dataset's trainings cut, by the path of their key."""
    rounds = {
        "ranker.niqe.crop": params.ranker.niqe.crop,
        "ranker.rounds.crop": params.ranker.rounds.crop,
        "finetune.crop": params.finetune.crop,
    }
    return {
        kind.sections[0]: {**kind.crops(params), **(rounds if kind.name == params.loop.task else {})}
        for kind in kinds.every()
    }


def look_at_dataset(dataset: Dataset, crops: Mapping[str, int], found: Findings) -> None:
    """The photos of the `dataset` section."""
    if dataset.source == "sample":
        look_at_sample("dataset.sample", dataset.sample, crops, found)
        return
    section, settings = "dataset.folder", dataset.folder
    folders = listed(section, settings, ("inputs", "references", "normal"), found)
    inputs, references = folders.get("inputs"), folders.get("references")
    pairs: Sequence[Sequence[Path]] = []
    if inputs is not None:
        if len(inputs.photos) < 2:
            found.faults.append(
                f"{section}.inputs: {len(inputs.photos)} photo; at least two are needed, one for validation"
            )
        pairs = [(path,) for path in inputs.photos]
    if inputs is not None and references is not None:
        pairs = joined(section, settings, {"inputs": inputs, "references": references}, found, optional=True) or pairs
    look_at_sizes(f"{section}.inputs", pairs, settings.max_side, crops, found)


def look_at_brackets(brackets: Brackets, crops: Mapping[str, int], found: Findings) -> None:
    """The photos of the `brackets` section."""
    if brackets.source == "sample":
        settings = brackets.sample
        look_at_sample("brackets.sample", settings, crops, found)
        training = (len(PHOTOS) - min(settings.validation_photos, len(PHOTOS) - 1)) * settings.crops_per_photo
        if training < 2:
            found.faults.append(f"brackets.sample: leaves {training} training scene; the search needs two at least")
        return
    section, folder = "brackets.folder", brackets.folder
    folders = listed(section, folder, ("under", "over", "reference", "natural", "bursts"), found)
    scenes: Sequence[Sequence[Path]] | None = None
    place = f"{section}.bursts" if folder.bursts else f"{section}.under"
    if folder.bursts and "bursts" in folders:
        scenes = in_bursts(place, folders["bursts"], found)
    elif "under" in folders and "over" in folders:
        named: dict[str, Listing] = {name: folders[name] for name in ("under", "over", "reference") if name in folders}
        scenes = joined(section, folder, named, found)
    if scenes is None:
        return
    if len(scenes) < 3:
        found.faults.append(f"{place}: {len(scenes)} scenes; at least three are needed, one of them for validation")
    look_at_sizes(place, scenes, folder.max_side, crops, found)


def listed(
    section: str, settings: FolderDataset | FolderBrackets, names: Sequence[str], found: Findings
) -> dict[str, Listing]:
    """The folders that are named and hold photos; the others are faults."""
    folders = {}
    for name in names:
        folder, key = getattr(settings, name), f"{section}.{name}"
        if not folder:
            continue
        try:
            photos = listing(Path(folder).expanduser(), settings.recursive)
            identifiers(photos)
        except ImageError as error:
            found.faults.append(f"{key}: {error}")
            continue
        folders[name] = photos
        found.counts.append(f"{key}: {photos_of(len(photos.photos))}")
        found.warnings += [f"{key}: {line}" for line in photos.said(f"{section}.recursive: true")]
    return folders


def joined(
    section: str,
    settings: FolderDataset | FolderBrackets,
    folders: Mapping[str, Listing],
    found: Findings,
    optional: bool = False,
) -> list[list[Path]] | None:
    """The photos of each scene that the folders have in common; None where that cannot be said."""
    names, place = " and ".join(folders), f"{section}.{list(folders)[1]}"
    largest = max(len(photos.photos) for photos in folders.values())
    if settings.pair_by == "time" and largest > MOST_TIMES:
        found.warnings.append(f"{section}.pair_by: {largest} photos are too many to look at the times of here")
        return None
    try:
        together = join(list(folders.values()), settings.pair_by, optional={1} if optional else {2})
    except ImageError as error:
        found.faults.append(f"{place}: {error}")
        return None
    scenes = [[path for path in row if path is not None] for row in together.scenes]
    count = sum(len(row) > 1 for row in scenes) if optional else len(scenes)
    found.counts.append(f"{section}: {photos_of(count)} of {names} joined by {settings.pair_by}")
    without = [row[0].name for row in scenes if len(row) == 1] if optional else []
    if without:
        found.warnings.append(f"{place}: no reference for {photos_of(len(without))}: {some(without)}")
    found.warnings += [f"{section}: {error}" for error in together.lonely[:5]]
    if len(together.lonely) > 5:
        found.warnings.append(f"{section}: {len(together.lonely) - 5} more photos have no partner")
    return scenes


def in_bursts(key: str, photos: Listing, found: Findings) -> list[list[Path]] | None:
    """The photos of each burst; None where that cannot be said."""
    if len(photos.photos) > MOST_TIMES:
        found.warnings.append(f"{key}: {len(photos.photos)} photos are too many to look for bursts in here")
        return None
    try:
        grouped = bursts(photos)
    except ImageError as error:
        found.faults.append(f"{key}: {error}")
        return None
    found.counts.append(f"{key}: {len(grouped.scenes)} bursts")
    if grouped.lonely:
        found.warnings.append(f"{key}: {photos_of(len(grouped.lonely))} in no burst; for one, {grouped.lonely[0]}")
    return [list(burst.photos) for burst in grouped.scenes]


def look_at_sizes(
    key: str, scenes: Sequence[Sequence[Path]], max_side: int | None, crops: Mapping[str, int], found: Findings
) -> None:
    """Of the first scenes: whether the headers can be read, sizes agree, and working copies are as large as crops."""
    sides: list[int] = []
    broken: list[str] = []
    scenes = scenes[:LOOKED_AT]
    for scene in scenes:
        try:
            sizes = [header_size(path) for path in scene]
        except ImageError as error:
            broken.append(str(error))
            continue
        # Turned by their EXIF orientation, so only the set of sides is compared.
        if len({tuple(sorted(size)) for size in sizes}) > 1:
            each = ", ".join(f"{width} x {height}" for width, height in sizes)
            broken.append(f"{scene[0]}: differs in size from its partner ({each}); export both at one size")
            continue
        longest, shortest = max(sizes[0]), min(sizes[0])
        side = shortest if max_side is None else round(shortest * min(1.0, max_side / longest))
        if side < MIN_SIDE:
            broken.append(
                f"{scene[0]}: smaller than {MIN_SIDE} pixels on a side (as a working copy); too small to learn from"
            )
            continue
        sides.append(side)
    if broken and not sides:
        found.faults.append(f"{key}: none of the first {len(scenes)} can be used; for one, {broken[0]}")
    else:
        found.warnings += [f"{key}: {line}" for line in broken]
    against_crops(key, sides, crops, found.faults, found.warnings)


def against_crops(
    place: str, sides: Sequence[int], crops: Mapping[str, int], all_smaller: list[str], some_smaller: list[str]
) -> None:
    """Crops that are larger than the photos: filled up by mirroring, which teaches what is in no photo."""
    for key, crop in crops.items():
        small = sum(side < crop for side in sides)
        if small:
            line = (
                f"{key}: {crop} pixels, but {small} of the first {len(sides)} photos of {place} have less on a side "
                f"({min(sides)} the smallest); take a crop of at most {max(min(sides), MIN_SIDE)}"
            )
            (all_smaller if small == len(sides) else some_smaller).append(line)


def look_at_sample(
    key: str, settings: SampleDataset | SampleBrackets, crops: Mapping[str, int], found: Findings
) -> None:
    """The sample: whether its photographs are as large as its crops, and these as the trainings'."""
    shortest = {photo.name: min(header_size(locate(photo))) for photo in PHOTOS}
    name = min(shortest, key=lambda photo: shortest[photo])
    if shortest[name] < settings.crop:
        found.faults.append(
            f"{key}.crop: {settings.crop} pixels, but the sample photograph {name} has {shortest[name]} on a side"
        )
    against_crops(key, [settings.crop], crops, found.warnings, found.warnings)


def look_at_store(found: Findings) -> None:
    """Whether the label store answers, or could be made; it is neither made nor changed."""
    from labelling.errors import StoreUnavailable
    from labelling.reach import fault_of_store

    try:
        fault = fault_of_store()
    except StoreUnavailable as error:
        fault = str(error)
    if fault:
        found.faults.append(f"LOUPE_LABELS: {fault}")


def look_at_weights(found: Findings) -> None:
    """Which weights a first run would fetch."""
    from models import weights

    absent = [name for name in weights.names() if not weights.origin(name)]
    if absent:
        found.warnings.append(
            f"weights: {some(absent)} not fetched yet; `loupe weights` fetches them, or the first run that needs them"
        )
