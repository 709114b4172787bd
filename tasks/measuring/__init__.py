"""Metrics of pictures, the simulated observers' utility, and what votes and scores come to."""
