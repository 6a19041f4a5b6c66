"""Sources of faces, each with ``read(root, scheme, ...)``: 300W, AFLW, WFLW, drawn and own ones.

Beside it, ``annotations(root, ...)`` names the files that a FaceFile is compared with later on;
a source may lack it.

``own`` reads one's own data, with a module a format: table, coco, dlib, pts, dlc.
"""
