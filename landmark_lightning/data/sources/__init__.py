"""Sources of faces, each with ``read(root, scheme, ...)``: 300W, AFLW, WFLW, drawn and own ones.

``own`` reads one's own data, with a module a format: table, coco, dlib, pts, dlc.
"""
