"""What learns or measures: pure torch and numpy, no files of the pipeline, no DVC, no Prefect."""
