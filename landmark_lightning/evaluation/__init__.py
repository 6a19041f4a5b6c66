"""Evaluation: metrics, records, drawings and reports of what runs predict."""
