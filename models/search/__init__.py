"""Differentiable search of architecture and loss (HSDS-MEF, AAAI 2024)."""
