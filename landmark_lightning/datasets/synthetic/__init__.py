"""The renderer of faces, and stand-ins of the official datasets.

``faces`` is the source, ``head`` and ``head_landmarks`` the model, ``portrait``, ``camera`` and
``scenery`` its picture; ``trees`` writes folders laid out as 300W, AFLW, WFLW or a table.
"""
