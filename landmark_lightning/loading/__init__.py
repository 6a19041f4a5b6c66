"""From the FaceFile to batches.

``faces`` the faces of a split, in memory or in the file; ``device_batches`` batches drawn on the
training device; ``datamodule`` what Lightning is given.
"""
