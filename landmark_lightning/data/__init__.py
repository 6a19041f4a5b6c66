"""Data: sources of annotated faces, the FaceFile, and what the next batch is."""
