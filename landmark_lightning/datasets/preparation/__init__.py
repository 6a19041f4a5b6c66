"""From a source's faces to a FaceFile.

``dataset`` the whole of it by settings, ``prepare`` the faces themselves, ``cropping`` one face,
``writer`` the arrays; ``source`` and its scheme are chosen, ``protocol``, ``orientation``,
``leaks`` and ``origins`` checked; ``prepared`` finds the file again.
"""
