"""The stages of the pipeline, one file a stage: read inputs, call `models`, write outputs. Run as `python -m tasks.NAME`."""
