"""Answers in and out: studies, imports from other tools, exports, results."""
