"""How the weights that the package brings were made, to be made again: `python -m tasks.shipping.NAME`."""
