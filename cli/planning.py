"""`loupe study plan`: how many photographs, observers and votes a study needs."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.errors import UserError, plain_errors

if TYPE_CHECKING:
    from models.preference.planning import Plan, Power

GRID: dict[str, tuple[float, ...]] = {
    "photos": (10, 20, 40),
    "observers": (5, 10, 20, 30),
    "difference": (0.2, 0.3, 0.5, 0.8),
}


def plan(
    methods: Annotated[int, typer.Option(min=2, max=30, help="Methods to compare")],
    photos: Annotated[int | None, typer.Option(min=1, max=500, help="Photographs; left out: several are tried")] = None,
    observers: Annotated[
        int | None, typer.Option(min=1, max=200, help="Observers; left out: several are tried")
    ] = None,
    difference: Annotated[
        str | None,
        typer.Option(
            help="Of two neighbours in the order: in JOD (0.5), or the share who prefer the better one (63%); 75% is 1 JOD"
        ),
    ] = None,
    target_power: Annotated[float, typer.Option(min=0.05, max=0.99, help="Of telling neighbours apart")] = 0.8,
    pairs: Annotated[Literal["all", "balanced", "adaptive"], typer.Option(help="As in `loupe study create`")] = "all",
    per_image: Annotated[
        int | None, typer.Option(min=1, help="balanced, adaptive: pairs of methods a photo that each observer answers")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="A vote takes; 6 is assumed, /watch shows yours")] = 6.0,
    repeats: Annotated[float, typer.Option(min=0, max=0.5, help="Share of pairs shown again")] = 0.1,
    training: Annotated[int, typer.Option(min=0, help="Pairs shown first that do not count")] = 3,
    photo_spread: Annotated[float, typer.Option(min=0, help="How much a method's lead differs by photograph")] = 0.5,
    observer_spread: Annotated[float, typer.Option(min=0, help="How much it differs by observer")] = 0.4,
    lapse: Annotated[float, typer.Option(min=0, max=0.9, help="Share of answers at random")] = 0.02,
    studies: Annotated[int, typer.Option(min=10, help="Simulated studies for each line")] = 60,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """How many photographs, observers and votes a study needs: simulated studies, scored like real ones."""
    from models.preference.planning import Plan, power

    if (pairs == "all") == (per_image is not None):
        raise UserError(f"--pairs {pairs} {'takes no --per-image' if pairs == 'all' else 'needs --per-image K'}")
    given: dict[str, float | None] = {
        "photos": photos, "observers": observers, "difference": None if difference is None else jod_of(difference),
    }  # fmt: skip
    if all(value is None for value in given.values()):
        raise UserError("give at least one of --photos, --observers and --difference; the others are tried")
    tried = {name: GRID[name] if value is None else (value,) for name, value in given.items()}
    found: list[tuple[Plan, Power]] = []
    with plain_errors():
        plans = [
            Plan(
                methods=methods, photos=int(of["photos"]), observers=int(of["observers"]), difference=of["difference"],
                pairs=pairs, per_photo=per_image, spreads=(photo_spread, observer_spread), lapse=lapse,
            )
            for of in (dict(zip(tried, values, strict=True)) for values in product(*tried.values()))
        ]  # fmt: skip
        say_assumed(plans[0], seconds, repeats, training, studies)
        for each in plans:
            found.append((each, power(each, studies, seed)))
            say_line(*found[-1], minutes_of(each, seconds, repeats, training))
    for value in tried["difference"]:
        say_fewest([(each, of) for each, of in found if each.difference == value], target_power)


def jod_of(text: str) -> float:
    """The difference in JOD that `text` names: 0.5, or 63% who prefer the better. Raises UserError for anything else."""
    from scipy.special import ndtri

    from models.preference.panels import JOD

    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = float("nan")
    if text.strip().endswith("%") and 50 < value < 100:
        return float(ndtri(value / 100)) / JOD
    if not text.strip().endswith("%") and 0 < value <= 10:
        return value
    raise UserError(
        f"--difference is in JOD, above 0 and at most 10 (0.5), or a share above 50% and below 100% who prefer the better of "
        f"two neighbours (63%), not {text!r}"
    )


def share_of(jod: float) -> float:
    """The share who prefer the better of two methods that differ by `jod`."""
    from scipy.special import ndtr

    from models.preference.panels import JOD

    return float(ndtr(jod * JOD))


def minutes_of(plan: Plan, seconds: float, repeats: float, training: int) -> float:
    """Minutes of one observer."""
    return (plan.votes_each * (1 + repeats) + training) * seconds / 60


def say_assumed(plan: Plan, seconds: float, repeats: float, training: int, studies: int) -> None:
    """What the table is about, and its head."""
    shown = {
        "all": f"all {plan.possible} pairs of methods on every photo",
        "balanced": f"{plan.per_photo} of {plan.possible} pairs of methods on every photo, balanced",
        "adaptive": f"adaptive, {plan.per_photo} pairs of methods a photo and observer on average",
    }
    print(f"{plan.methods} methods, evenly spaced; {shown[plan.pairs]}; {studies} simulated studies a line")
    print(
        f"assumed: a method's lead differs by photograph ({plan.spreads[0]:g}) and observer ({plan.spreads[1]:g}, standard "
        f"deviations in units of the noise of a difference), {plan.lapse:.0%} of answers at random,\n"
        f"         {seconds:g} s a vote, {repeats:.0%} of pairs shown again, {training} for practice"
    )
    print(
        f"{'neighbours differ by':<24} {'photos':>6} {'observers':>9} {'votes':>7} {'min each':>8} {'hours':>6} "
        f"{'told apart':>10} {'best found':>10} {'order':>6} {'± JOD':>6}"
    )


def say_line(plan: Plan, found: Power, minutes: float) -> None:
    """One line of the table."""
    differ = f"{plan.difference:.2f} JOD ({share_of(plan.difference):.0%} prefer)"
    print(
        f"{differ:<24} {plan.photos:>6} {plan.observers:>9} {plan.votes:>7} {minutes:>8.0f} "
        f"{minutes * plan.observers / 60:>6.1f} {found.neighbours:>10.0%} {found.best:>10.0%} {found.order:>6.0%} "
        f"{found.reach:>6.2f}",
        flush=True,
    )


def say_fewest(found: list[tuple[Plan, Power]], target: float) -> None:
    """The fewest votes with the power that is wanted, or that none has it."""
    enough = [(each, of) for each, of in found if of.neighbours >= target]
    of_difference = f"{found[0][0].difference:.2f} JOD"
    if not enough:
        print(
            f"{of_difference}: no line tells neighbours apart in {target:.0%} of cases; more observers or photographs, or fewer "
            "methods, are needed"
        )
        return
    least, power = min(enough, key=lambda one: one[0].votes)
    print(
        f"{of_difference}: {least.photos} photos and {least.observers} observers tell neighbours apart in "
        f"{power.neighbours:.0%} of cases with {least.votes} votes"
        + (", the fewest of these lines" if len(found) > 1 else "")
    )
