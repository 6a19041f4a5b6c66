"""Sources of faces, a module a format, each with ``read(root, scheme, ...)``.

``w300``, ``aflw`` and ``wflw`` read the datasets as their authors ship them; ``own`` one's own
data, in the format of ``table``, ``coco``, ``dlib``, ``pts`` or ``dlc``.

Beside it, ``annotations(root, ...)`` names the files that a FaceFile is compared with later on,
and ``landmark_names(root, ...)`` what the landmarks are called; a source may lack both.

``checks`` and ``listing`` are what the formats share; ``mat`` reads MATLAB's files, in a process
of its own.
"""
