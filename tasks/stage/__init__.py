"""Running a stage: arguments and errors, the tables that pass between stages, the map over images."""
