"""Pictures.

``faces`` with landmarks, ``overlays`` photos with theirs, ``curves`` of runs, ``history`` of
trainings.
"""
