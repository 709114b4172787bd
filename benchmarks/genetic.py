"""The genetic search beside the plain way: DEAP calling a fitness function per individual, everything at full size."""

from __future__ import annotations

import statistics
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.measure import Result, compare, peak_memory, seconds_of
from models.core.features import VGG16Features, load_vgg16
from models.enhancers import create
from models.enhancers.parametric import BOUNDS
from models.enhancers.predicted import GenePredictor
from models.genetic import objectives
from models.genetic.features import pooled, reduced
from models.genetic.objectives import Fitness, Photo
from models.genetic.search import Front, SearchSettings, search
from models.quality import create as metric
from pictures import write_png
from tasks.config.genetic import Genetic
from tasks.datasets.photos import PHOTOS, locate
from tasks.genetic.one_photo import jobs_of, search_photo

SEEDS = 10
SMALL = SearchSettings(population=12, generations=3)
WORST_DISTANCE = 30.0  # corner of the hypervolume


class PlainFitness:
    """Both objectives of one individual at a time: full-size operator, histogram, one VGG16 pass. Nothing is kept."""

    weights = (1.0, -1.0)

    def __init__(self, photo: np.ndarray, extractor: VGG16Features, device: str, side: int) -> None:
        self.objectives = (objectives.entropy(Photo(photo[:1, :1])),)  # a name for an error, no more
        self._image = torch.from_numpy(photo).permute(2, 0, 1)[None].to(device).float() / 255
        self._extractor, self._side = extractor, side
        self._entropy = metric("entropy", device=device)
        self._original = pooled(extractor, reduced(self._image, side))

    def one(self, genes: np.ndarray) -> tuple[float, float]:
        brightness, contrast, gamma = (float(gene) for gene in genes)
        lifted = (self._image + brightness / 255).clamp(0, 1)
        enhanced = ((contrast * lifted).clamp(0, 1) ** (1 / gamma)).clamp(0, 1)
        first = float(self._entropy(enhanced))
        weights = torch.tensor([0.299, 0.587, 0.114], device=enhanced.device).view(1, 3, 1, 1)
        mean = float((enhanced * weights).sum(1).double().mean())
        features = pooled(self._extractor, F.interpolate(
            enhanced, (self._side, self._side), mode="bilinear", align_corners=False, antialias=True
        ))  # fmt: skip
        penalty = max(0.0, 0.35 - mean) + max(0.0, mean - 0.7)
        return first, float((features - self._original).double().norm()) + 30 * penalty

    def of(self, genes: np.ndarray, place: int) -> np.ndarray:
        return np.array([self.one(row)[place] for row in genes])

    def all(self, genes: np.ndarray) -> np.ndarray:
        return np.array([self.one(row) for row in genes]).reshape(-1, 2)


def megapixel() -> np.ndarray:
    """(1000, 1000, 3) uint8: a sample photograph, darkened by two stops in its values."""
    from pictures import read_uint8

    photo = read_uint8(locate(next(photo for photo in PHOTOS if photo.name == "astronaut")))
    image = torch.from_numpy(photo.astype(np.float32)).permute(2, 0, 1)[None]
    large = F.interpolate(image, (1000, 1000), mode="bicubic", antialias=True)[0].permute(1, 2, 0)
    return (large.clamp(0, 255) / 4).round().to(torch.uint8).numpy()


def fitness_of(photo: np.ndarray, extractor: VGG16Features, device: str, side: int) -> Fitness:
    searched = Photo(photo, device)
    return Fitness([objectives.entropy(searched), objectives.distance(searched, extractor, side=side)])


def hypervolume(front: Front) -> float:
    """Area that the first front dominates within entropy >= 0 and distance <= WORST_DISTANCE (two objectives)."""
    points = front.values[front.rank == 0]
    area, reached = 0.0, 0.0
    for entropy, distance in sorted(map(tuple, points), key=lambda point: point[1]):
        if entropy > reached:
            area += (entropy - reached) * max(0.0, WORST_DISTANCE - distance)
            reached = entropy
    return area


@torch.inference_mode()
def search_beside_plain(device: str, repeats: int) -> list[Result]:
    """Seconds of one search at the paper's settings, and the largest difference of a fitness value."""
    photo = megapixel()
    extractor = load_vgg16("relu5_3", device)
    quick = load_vgg16("relu5_3", device).to(memory_format=torch.channels_last)
    lows, highs = np.array(BOUNDS).T
    genes = np.random.default_rng(0).uniform(lows, highs, (16, 3))
    apart = np.abs(
        fitness_of(photo, quick, device, 224).all(genes) - PlainFitness(photo, extractor, device, 224).all(genes)
    )
    settings = SearchSettings()

    def ours() -> Front:
        return search(fitness_of(photo, quick, device, 224), settings, 1)

    def plain() -> Front:
        return search(PlainFitness(photo, extractor, device, 224), settings, 1)  # type: ignore[arg-type]

    times = [(seconds_of(ours), seconds_of(plain)) for _ in range(max(1, repeats // 3))]
    mine, other = (statistics.median(side) for side in zip(*times, strict=True))
    return [
        Result(
            "genetic search, 1 megapixel, N 50, G 5, 8 steps",
            mine,
            "s",
            other,
            "one individual at a time",
            mine / other,
        ),
        Result(
            "largest difference of a fitness value", float(apart.max()), "", 1e-4, "allowed", float(apart.max()) / 1e-4
        ),
    ]


@torch.inference_mode()
def front_beside_plain(device: str) -> list[Result]:
    """Median hypervolume over seeds, and its spread."""
    photo = megapixel()[::4, ::4].copy()
    extractor = load_vgg16("relu5_3", device)
    quick = load_vgg16("relu5_3", device).to(memory_format=torch.channels_last)
    ours = [hypervolume(search(fitness_of(photo, quick, device, 64), SMALL, seed)) for seed in range(SEEDS)]
    plain = [
        hypervolume(search(PlainFitness(photo, extractor, device, 64), SMALL, seed))  # type: ignore[arg-type]
        for seed in range(SEEDS)
    ]
    mine, other = statistics.median(ours), statistics.median(plain)
    spread = statistics.stdev(plain)
    return [
        Result(f"hypervolume, {SEEDS} seeds, median", mine, "", other, "one individual at a time", mine / other),
        Result(
            "difference of the medians",
            abs(mine - other),
            "",
            spread,
            "spread over the seeds",
            abs(mine - other) / spread,
        ),
    ]


def predictor(device: str, repeats: int) -> list[Result]:
    """Milliseconds for the genes of a 1-megapixel photo on one thread, beside the search's entropy of one individual."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network only waits for other threads
    network = create("predicted").to(device).eval()
    assert isinstance(network, GenePredictor)
    photo = megapixel()
    image: Tensor = torch.from_numpy(photo).permute(2, 0, 1)[None].to(device).float() / 255

    @torch.inference_mode()
    def genes() -> Tensor:
        return network.genes(image).cpu()

    palette = Photo(photo, device).palette
    one = torch.tensor([[10.0, 1.5, 1.5]], device=device)
    row = compare(
        "genes of a 1-megapixel photo by the predictor, one thread", "ms", genes, "entropy of one individual",
        partial(palette.entropy_and_mean, one), repeats=max(5, repeats), each=1e-3,
    )  # fmt: skip
    torch.set_num_threads(threads)
    return [row]


def search_photos(count: str, device: str) -> None:
    """For `peak_memory`: search so many photos, one after the other in this process, as the stage does."""
    sizes = {"side": 96, "population": SMALL.population, "generations": SMALL.generations}
    settings = Genetic.model_validate(sizes)
    with tempfile.TemporaryDirectory() as place:
        photo = Path(place) / "photo.png"
        write_png(photo, megapixel())
        named = [(f"photo{number}", photo) for number in range(int(count))]
        for job in jobs_of(settings, named, Path(place) / "kept", 1, device, None):
            search_photo(job)


def memory(device: str) -> list[Result]:
    """Peak memory of a process that searches many photos, beside one that searches few."""
    many, few = (peak_memory("benchmarks.genetic", "search_photos", str(count), device)[0] for count in (16, 2))
    return [Result("peak memory of the search, 16 photos of 1 megapixel", many, "MB", few, "2 photos", many / few)]


def results(device: str, repeats: int) -> list[Result]:
    return [
        *search_beside_plain(device, repeats),
        *front_beside_plain(device),
        *memory(device),
        *predictor(device, repeats),
    ]
