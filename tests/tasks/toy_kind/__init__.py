"""Flat pictures that get their contrast back: the least that a kind of pictures can be."""
