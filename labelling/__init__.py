"""Labels: the store every vote goes through, and the ways a person votes (a web page, the terminal)."""
