"""What a trained network is used for.

``predict`` whole splits, ``evaluate`` the test, ``speed`` faces a second, ``export`` an ONNX
model.
"""
