"""What is shown to whom, and what an answer means: the queue, votes, ratings, pictures, progress, resuming runs."""
