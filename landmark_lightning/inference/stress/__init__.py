"""The stress test: what covers and worse photos do to the landmarks, and what the signal says.

``conditions`` what a test is asked to do to its faces; ``covers`` a mask, sunglasses, a hand and a
patch on a crop, ``frame`` where they go, ``canvas`` what they are made of; ``corruptions`` blur,
noise and dark; ``figures`` what a condition does; ``running`` all of it on a FaceFile.
"""
