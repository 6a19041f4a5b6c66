"""From a source's faces to a FaceFile.

``dataset`` the whole of it by settings, ``prepare`` the faces themselves, ``cropping`` one face,
``writer`` the arrays; ``protocol``, ``orientation``, ``scheme``, ``leaks`` and ``origins`` are
what is checked; ``prepared`` finds the file again.
"""
