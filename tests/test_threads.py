"""Tests run on one thread a process."""

from __future__ import annotations

import torch


def test_no_test_file_changes_the_threads_of_all() -> None:
    """All files are imported before the first test; one that asks for more threads makes every test of its worker wait."""
    assert torch.get_num_threads() == 1
