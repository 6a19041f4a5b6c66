"""What a trained network is used for.

``detector`` photos to landmarks that know how far off they may be (``networks`` what it runs,
``card`` what that is, ``photos`` many at a time); ``calibration`` errors and bounds from the
signal, ``calibrating`` measuring them. ``predict`` whole splits, ``evaluate`` the test
(``predictions_csv`` as a table), ``mean_face`` what it must be better than, ``rejection`` faces
from what is none, ``stress`` covered and worse faces, ``speed`` faces a second, ``export`` an ONNX
model.
"""
