"""The stages of the rounds, the same for every kind of pictures."""
