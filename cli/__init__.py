"""`loupe`: one command for people; thin, it imports lazily."""
