"""Facial landmarks that know their own error: validation signal and loss-balanced batches."""
