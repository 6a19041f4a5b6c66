"""Pictures: ``faces`` with landmarks, ``overlays`` photos with theirs, ``curves`` of runs.

``colors`` has the colours of an error.
"""
