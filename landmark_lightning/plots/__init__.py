"""Pictures: ``faces`` with their landmarks, ``curves`` of runs."""
