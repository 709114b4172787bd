"""The report: its data, charts, pictures, words and templates."""
