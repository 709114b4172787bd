"""The genetic search of brightness, contrast and gamma for each photo, and the predictor that takes its place."""
