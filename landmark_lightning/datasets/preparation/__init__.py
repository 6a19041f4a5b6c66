"""From a source's faces to a FaceFile.

``settings`` are checked, ``dataset`` the whole of it, ``prepare`` the faces, ``cropping`` one,
``writer`` the arrays; ``source`` and its scheme are chosen, ``protocol``, ``orientation``,
``leaks`` and ``origins`` checked; ``prepared`` finds the file again.
"""
