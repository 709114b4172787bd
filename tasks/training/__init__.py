"""What trainings share: pictures as batches, the engine's settings, curves, the ranker's data."""
